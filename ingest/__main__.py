"""`python -m ingest`, and the `ingest` script."""

import gc

from ingest.memory import share_one_allocator

# Imports make many objects that live until the end. Otherwise the garbage collector would scan them again and again.
gc.set_threshold(50_000, 20, 20)
share_one_allocator()

from ingest.cli.app import main  # noqa: E402

if __name__ == "__main__":
    main()
