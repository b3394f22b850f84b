"""python -m tests.orchestration.prefect.ingest_agent: the worker, but only for the tests' flows."""

import sys

from orchestration.worker.__main__ import main
from tests.orchestration.prefect.entrypoints import BY_QUEUE

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], BY_QUEUE))
