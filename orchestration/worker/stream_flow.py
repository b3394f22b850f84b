"""The flow that lands one stream. The platform's flow hands streams to it, each as a run of its deployment `stream`.

Its outcome is in the lake when it ends: commits in the log, and a hand-off for the run that asked for it.
"""

# Prefect evaluates the flow's annotations, so they must not be strings.
import re
import socket
from collections.abc import Callable
from datetime import datetime
from typing import Any

from prefect import flow
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from ingest import logs
from ingest.errors import ConfigurationError, ConflictError, PlatformError
from ingest.lake.objects.store import ObjectStore
from ingest.retry import WaitBudgets
from ingest.run.shared import SharedIngestion
from ingest.run.window import window
from ingest.settings import IngestSettings
from orchestration.runtime.heartbeat import Logger, beating
from orchestration.runtime.names import STREAM_FLOW
from orchestration.runtime.patience import wait_for_a_restarting_server
from orchestration.runtime.told import tell_what_is_harmless
from orchestration.worker.handoff import ErrorNote, Handoff, ResultNote
from orchestration.worker.landing import StreamOrder, land

_RUN_ID = re.compile(r"[0-9A-Za-z._:-]{1,100}")
"""It becomes part of each commit."""


@flow(name=STREAM_FLOW, flow_run_name="{stream}", description="Lands what is new in one stream.")
def land_stream(
    stream: str,
    run_id: str | None = None,
    shared: SharedIngestion | None = None,
    backfill_from: str | datetime | None = None,
    backfill_to: str | datetime | None = None,
    keys: bool = True,
    count: bool = False,
    wait_budget_seconds: float | None = None,
) -> Any:
    """Land new data of one stream.

    Args:
        stream (str): the stream to land.
        run_id (str): the run that its commits belong to; this one by default.
        shared (SharedIngestion): the horizon and snapshot of that run; its own by default.
        backfill_from (str | datetime): with `backfill_to`, land this window of cursors again instead.
        backfill_to (str | datetime): the window's end, which is excluded.
        keys (bool): look for deletions.
        count (bool): count the rows at the source.
        wait_budget_seconds (float): the rest of the stream's wait budget; WAIT_BUDGET_SECONDS by default.
    """
    wait_for_a_restarting_server()
    tell_what_is_harmless()
    logger = get_run_logger()
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("the flow runs outside of a flow run")
    flow_run = context.flow_run
    logs.forward_to(logger)
    logger.info("%s: on host %s", stream, socket.gethostname())
    with beating(flow_run, logger):
        flow_run_id = str(flow_run.id)

        def order() -> StreamOrder:
            if run_id is not None and not _RUN_ID.fullmatch(run_id):
                raise ConfigurationError("run_id is no run's id: it has other characters, or more than a hundred")
            backfill = window(backfill_from, backfill_to, stream=stream)
            return StreamOrder(stream, run_id or flow_run_id, shared, backfill=backfill, keys=keys, count=count)

        return _landed(stream, order, flow_run_id, logger, wait_budget_seconds)


def _landed(
    stream: str, order: Callable[[], StreamOrder], flow_run_id: str, logger: Logger, budget_seconds: float | None
) -> Any:
    """Land the stream, write the hand-off, and return the run's final state. `order` raises ConfigurationError."""
    try:
        settings = IngestSettings.load()
        store = ObjectStore(settings.lake)
    except PlatformError as error:
        return Failed(message=str(error))
    budgets = WaitBudgets(settings.wait_budget_seconds if budget_seconds is None else budget_seconds)

    def leave(*, result: ResultNote | None = None, error: ErrorNote | None = None) -> None:
        waited = budgets.of(stream).spent
        host = socket.gethostname()
        Handoff(stream=stream, host=host, result=result, error=error, waited_seconds=waited).write(store, flow_run_id)

    try:
        result = land(order(), settings, store, logger, budgets)
        leave(result=ResultNote.of(result))
    except PlatformError as error:
        note = ErrorNote.of(error)
        try:
            leave(error=note)
        except PlatformError as unwritten:
            # The state's message repeats it.
            logger.warning("the outcome could not be left in the lake: %s", unwritten)
        if isinstance(error, ConflictError):
            return Completed(message=str(error))
        return Failed(message=str(error))
    refused = f", {result.rows_quarantined:,} quarantined" if result.rows_quarantined else ""
    return Completed(message=f"{result.rows_landed:,} rows landed{refused} on {socket.gethostname()}")
