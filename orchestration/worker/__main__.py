"""python -m orchestration.worker: the agent that lands streams. `... health` exits 0 if it polled within a minute."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from common.garbage import collect_seldom
from orchestration.runtime import health
from orchestration.runtime.names import ENTRYPOINTS, INGEST_QUEUE

AGENT = "ingest"


def main(arguments: list[str], entrypoints: Mapping[str, Mapping[str, str]] = ENTRYPOINTS) -> int:
    """Run the worker. Return the exit code. `entrypoints` maps each queue to the code that the worker runs."""
    if arguments == ["health"]:
        return health.check(AGENT)
    if arguments:
        print("usage: python -m orchestration.worker [health]", file=sys.stderr)
        return 2
    return _run(entrypoints[INGEST_QUEUE])


def _run(entrypoints: Mapping[str, str]) -> int:
    collect_seldom()
    from ingest.errors import PlatformError
    from orchestration.runtime.warm import WarmProcesses

    warm = WarmProcesses()
    try:
        warm.warm_up()  # before the imports below, because some of them start threads
        from orchestration.runtime.agent import AgentSpec, run_agent
        from orchestration.worker.settings import WorkerSettings

        run_agent(AgentSpec(AGENT, (INGEST_QUEUE,), entrypoints, slots=WorkerSettings.load().slots), warm)
    except PlatformError as error:
        print(f"error {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
