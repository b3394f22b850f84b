"""python -m orchestration.worker: the agent that lands streams. `... health` exits 0 if it polled within a minute."""

from __future__ import annotations

import sys

from orchestration.runtime import health

AGENT = "ingest"


def main(arguments: list[str]) -> int:
    """The exit code."""
    if arguments == ["health"]:
        return health.check(AGENT)
    if arguments:
        print("usage: python -m orchestration.worker [health]", file=sys.stderr)
        return 2
    return _run()


def _run() -> int:
    from ingest.errors import PlatformError
    from orchestration.runtime.agent import AgentSpec, run_agent
    from orchestration.runtime.names import INGEST_QUEUE
    from orchestration.worker.settings import WorkerSettings

    try:
        run_agent(AgentSpec(AGENT, (INGEST_QUEUE,), slots=WorkerSettings.load().slots))
    except PlatformError as error:
        print(f"error {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
