"""The flow that compares whole tables with the lake, stream by stream. Each run leaves a table of its findings.

It runs on a worker, because the worker has the sources' drivers. It writes only to the lake, and the platform's next
run loads what it landed.
"""

# Prefect evaluates the flow's annotations, so they must not be strings.
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from ingest import logs
from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.errors import ConflictError, PlatformError, TransientError
from ingest.lake.objects.store import ObjectStore
from ingest.retry import WaitBudgets, retrying_to_open
from ingest.retry_policies import VERIFY
from ingest.run.runner import Ingestion, open_ingestion
from ingest.settings import IngestSettings
from ingest.verify.report import LostUpdatesError, Verification, require_equal
from orchestration.runtime.heartbeat import Logger, beating
from orchestration.runtime.names import VERIFY_FLOW
from orchestration.runtime.patience import wait_for_a_restarting_server
from orchestration.runtime.told import tell_what_is_harmless
from orchestration.worker.landing import ProgressLines

TABLE = "verification"
"""The key of the table that a run leaves."""

# Prefect types it as a coroutine; called from a flow that is not async, it returns when the artifact is there.
_create_table: Callable[..., object] = create_table_artifact


@flow(name=VERIFY_FLOW, description="Whole tables compared with the lake: finds changes that moved no cursor.")
def verify_streams(streams: list[str] = [], repair: bool = False) -> Any:  # noqa: B006 - Prefect shows it in its form
    """Compare whole tables with the lake. New data is landed first, so that only lost changes differ.

    Args:
        streams (list[str]): the streams to compare; all by default.
        repair (bool): land the differences; the platform's next run loads them.

    The run fails if a stream differs and was not repaired, and if a stream could not be compared.
    """
    wait_for_a_restarting_server()
    tell_what_is_harmless()
    logger = get_run_logger()
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("the flow runs outside of a flow run")
    logs.forward_to(logger)
    try:
        settings = IngestSettings.load()
        contracts = ContractRegistry.load(settings.contracts_dir).select(streams)
    except PlatformError as error:
        return Failed(message=str(error))
    with beating(context.flow_run, logger):
        return _ended(_Verifier(settings, str(context.flow_run.id), logger), contracts, repair=repair)


class _Verifier:
    """A verifier of several streams, one after the other, each in its own ingestion, so that no snapshot stays open for
    all.
    """

    def __init__(self, settings: IngestSettings, run_id: str, logger: Logger) -> None:
        self._settings = settings
        self._run_id = run_id
        self._logger = logger
        self._store = ObjectStore(settings.lake)
        self._budgets = WaitBudgets(settings.wait_budget_seconds)

    def verify(self, contract: StreamContract, *, repair: bool) -> Verification:
        """Land new data of a stream, then compare it. Raises PlatformError."""
        for _ in range(VERIFY.further_tries):
            try:
                return self._once(contract, repair=repair)
            except ConflictError as error:
                self._logger.info("%s: another run lands it just now (%s); once more", contract.stream, error.message)
        return self._once(contract, repair=repair)

    def _once(self, contract: StreamContract, *, repair: bool) -> Verification:
        lines = ProgressLines(self._logger)

        def note(error: TransientError, wait: float) -> None:
            self._logger.warning("trying again in %.0f s: %s", wait, error)

        with ExitStack() as opened:

            def open_one() -> Ingestion:
                return opened.enter_context(
                    open_ingestion(
                        self._settings,
                        [contract],
                        self._run_id,
                        progress=lines.read,
                        store=self._store,
                        budgets=self._budgets,
                    )
                )

            ingestion = retrying_to_open(self._budgets, [contract.stream], note)(open_one)
            ingestion.ingest(contract.stream, count=False)
            return ingestion.verify(contract.stream, repair=repair)


def _ended(verifier: _Verifier, contracts: list[StreamContract], *, repair: bool) -> Any:
    """Compare all streams, write the table, and return the run's final state."""
    found: list[Verification] = []
    errors: list[PlatformError] = []
    rows: list[dict[str, Any]] = []
    for contract in contracts:
        try:
            verification = verifier.verify(contract, repair=repair)
        except PlatformError as error:
            errors.append(error)
            rows.append({**_row(Verification(contract.stream)), "outcome": f"NOT COMPARED: {error.message}"})
        else:
            found.append(verification)
            rows.append(_row(verification))
    if rows:
        _create_table(
            rows, key=TABLE, description="Rows of each source and the lake's current rows, by key and content."
        )
    problems = [str(error) for error in errors]
    try:
        require_equal(found)
    except LostUpdatesError as error:
        problems.append(str(error))
    if problems:
        return Failed(message="\n".join(problems))
    landed = sum(1 for item in found if item.landed)
    mended = f", {landed} of them repaired" if landed else ""
    return Completed(message=f"{len(found)} streams are equal to their sources{mended}")


def _row(item: Verification) -> dict[str, Any]:
    versions = ", ".join(map(str, item.landed))
    return {
        "stream": item.stream,
        "outcome": item.note or ("equal" if not item.differs else "DIFFERS" if item.remains else "repaired"),
        "equal": item.equal,
        "changed": item.changed.rows,
        "missing in the lake": item.missing.rows,
        "gone from the source": item.extra.rows,
        "doubled keys": item.doubled.rows,
        "not compared": item.in_flight,
        "what": "; ".join(item.differences),
        "landed in versions": versions,
        "lake version": item.version,
    }
