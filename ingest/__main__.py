"""`python -m ingest`, and the `ingest` script."""

from ingest.cli.app import main

if __name__ == "__main__":
    main()
