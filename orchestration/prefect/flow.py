"""The flow: sources to lake, lake to RAW, dbt to marts, with audit, reconciliation and publication.

python orchestration/prefect/flow.py runs it once, against the configured Prefect API, else an ephemeral one.
"""

import logging
from collections.abc import Callable
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
from orchestration.prefect.run.recording import record_refusal
from orchestration.prefect.run.services import StepServices
from orchestration.prefect.run.signature import takes
from orchestration.prefect.run.steps import execute
from orchestration.prefect.show.run_logs import RunLogger, readable_logs
from orchestration.report import RunReport
from orchestration.runtime.certificates import read_certificates_once
from orchestration.runtime.client import let_events_log_in
from orchestration.runtime.heartbeat import beating
from orchestration.runtime.patience import wait_for_a_restarting_server
from orchestration.runtime.results import read_no_results
from orchestration.runtime.told import tell_what_is_harmless

FLOW_NAME = "dp-maiblaze-demo-dev-flow"


@flow(name=FLOW_NAME, description="Sources to marts: ingest, load, dbt, reconcile, publish.")
@takes(RunParameters)
def dp_maiblaze_demo_dev_flow(**given: Any) -> Any:
    """Run the platform once.

    Returns the run's final state. Its result is a RunReport, or a RunFailedError with the report.
    """
    readable_logs()
    wait_for_a_restarting_server()
    tell_what_is_harmless()
    logger = RunLogger(get_run_logger())
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("the flow runs outside of a flow run")
    if context.flow_run.deployment_id is not None:
        logs.forward_to(logger, level=logging.WARNING)
    try:
        parameters = RunParameters.of(**given)
        run = StepServices.for_run(
            str(context.flow_run.id), parameters, progress.current(logger), run_name=context.flow_run.name
        )
    except PlatformError as error:
        record_refusal(str(context.flow_run.id), context.flow_run.name, given, error, logger)
        return refused(error)
    with beating(context.flow_run, logger):
        return ended(execute(run, context.flow_run.id, logger))


def run_once(**parameters: object) -> RunReport:
    """Run the flow in this process. Raises RunFailedError, and ConfigurationError for bad parameters or settings."""
    read_no_results()
    read_certificates_once()
    let_events_log_in()
    with prefect_api(quiet=True):
        run: Callable[..., RunReport] = dp_maiblaze_demo_dev_flow
        return run(**parameters)


if __name__ == "__main__":
    from orchestration.prefect.command import main

    main(run_once)
