"""python -m orchestration.prefect.operate.agent: the agent that runs the platform's flow and the maintenance.

Beside it, `janitor` ends lost runs, `records` records them as crashed, `catch_up` keeps scheduled runs from piling up,
and the metrics are served.

`... health` exits 0 if it polled its queues within a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from common.garbage import collect_seldom
from orchestration.runtime import health
from orchestration.runtime.names import ENTRYPOINTS, MAINTENANCE_QUEUE, PLATFORM_QUEUE

AGENT = "prefect_agent"


def main(arguments: list[str], entrypoints: Mapping[str, Mapping[str, str]] = ENTRYPOINTS) -> int:
    """Run the agent. Return the exit code. `entrypoints` maps each queue to the code that the agent runs."""
    if arguments == ["health"]:
        return health.check(AGENT)
    if arguments:
        print("usage: python -m orchestration.prefect.operate.agent [health]", file=sys.stderr)
        return 2
    return _run({**entrypoints[PLATFORM_QUEUE], **entrypoints[MAINTENANCE_QUEUE]})


def _run(entrypoints: Mapping[str, str]) -> int:
    collect_seldom()
    from functools import partial

    from ingest.errors import PlatformError
    from orchestration.runtime.warm import WarmProcesses

    warm = WarmProcesses()
    try:
        warm.warm_up()  # before the imports below, because some of them start threads
        from ingest.settings import IngestSettings
        from orchestration.prefect.metrics.exporter import show_metrics
        from orchestration.prefect.operate.catch_up import keep_from_catching_up
        from orchestration.prefect.operate.janitor import keep_watch
        from orchestration.prefect.operate.records import keep_records
        from orchestration.runtime.agent import AgentSpec, run_agent
        from orchestration.settings import OrchestrationSettings

        settings = OrchestrationSettings.load()
        settings.require_salt()
        IngestSettings.load()  # settings of the runs: a bad one is refused now
        janitor = partial(keep_watch, stale_after=settings.stale_run)
        records = partial(keep_records, settings=settings)
        metrics = partial(show_metrics, settings=settings, agent=AGENT)
        queues, beside = (PLATFORM_QUEUE, MAINTENANCE_QUEUE), (janitor, records, keep_from_catching_up, metrics)
        run_agent(AgentSpec(AGENT, queues, entrypoints, beside=beside), warm)
    except PlatformError as error:
        print(f"error {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
