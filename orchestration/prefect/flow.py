"""The flow: sources to lake, lake to RAW, dbt to marts, audited, reconciled, published.

python orchestration/prefect/flow.py runs it once, against the Prefect API that is configured, else an ephemeral one.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from prefect import flow
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from ingest import logs
from ingest.errors import PlatformError
from orchestration import progress
from orchestration.prefect.operate.api import prefect_api
from orchestration.prefect.run.endings import ended, refused
from orchestration.prefect.run.parameters import RunParameters
from orchestration.prefect.run.services import StepServices
from orchestration.prefect.run.steps import execute
from orchestration.prefect.show.run_logs import RunLogger, readable_logs
from orchestration.report import RunReport
from orchestration.runtime.heartbeat import beating
from orchestration.runtime.patience import wait_for_a_restarting_server

FLOW_NAME = "dp-maiblaze-demo-dev-flow"


@flow(name=FLOW_NAME, description="Sources to marts: ingest, load, dbt, reconcile, publish.")
def dp_maiblaze_demo_dev_flow(
    streams: list[str] = [],  # noqa: B006 - Prefect shows the default in its form
    full_refresh: bool = False,
    backfill_from: str | datetime | None = None,
    backfill_to: str | datetime | None = None,
    skip_ingest: bool = False,
    skip_load: bool = False,
    skip_dbt: bool = False,
    skip_publish: bool = False,
    keys: bool = True,
) -> Any:
    """Run the platform once.

    Args:
        streams (list[str]): the streams to ingest and load; all where none is named. dbt builds everything.
        full_refresh (bool): build incremental models anew.
        backfill_from (str | datetime): with `backfill_to`, land this window of the streams' cursors again, only that.
        backfill_to (str | datetime): the window's end, not within it.
        skip_ingest (bool): load what is in the lake.
        skip_load (bool): build from what is in RAW.
        skip_dbt (bool): leave the models as they are; nothing is published then.
        skip_publish (bool): leave readers what they have.
        keys (bool): look for deletions. Without, only in streams that were last compared COMPARE_EVERY_HOURS ago.

    Returns the state that it ends with. Its result is a RunReport, or a RunFailedError with the report.
    """
    readable_logs()
    wait_for_a_restarting_server()
    logger = RunLogger(get_run_logger())
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("the flow runs outside of a flow run")
    if context.flow_run.deployment_id is not None:
        logs.forward_to(logger, level=logging.WARNING)
    try:
        parameters = RunParameters.of(
            streams=streams,
            full_refresh=full_refresh,
            backfill_from=backfill_from,
            backfill_to=backfill_to,
            skip_ingest=skip_ingest,
            skip_load=skip_load,
            skip_dbt=skip_dbt,
            skip_publish=skip_publish,
            keys=keys,
        )
        run = StepServices.for_run(str(context.flow_run.id), parameters, progress.current(logger))
    except PlatformError as error:
        return refused(error)
    with beating(context.flow_run, logger):
        return ended(execute(run, context.flow_run.id, logger))


def run_once(**parameters: object) -> RunReport:
    """Run the flow in this process. Raises RunFailedError, and ConfigurationError for bad parameters or settings."""
    with prefect_api(quiet=True):
        run: Callable[..., RunReport] = dp_maiblaze_demo_dev_flow
        return run(**parameters)


if __name__ == "__main__":
    from orchestration.prefect.command import main

    main(run_once)
