"""python -m tests.orchestration.prefect.platform_agent: the platform's agent, but only for the tests' flows."""

import sys

from orchestration.prefect.operate.agent import main
from tests.orchestration.prefect.entrypoints import BY_QUEUE

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], BY_QUEUE))
