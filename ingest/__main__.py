"""`python -m ingest`, and the `ingest` script."""

from common.garbage import collect_seldom
from ingest.memory import share_one_allocator

collect_seldom()
share_one_allocator()

from ingest.cli.app import main  # noqa: E402

if __name__ == "__main__":
    main()
