"""Lands one stream as part of a flow run's ingestion, and logs its progress."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic

from ingest.contracts.registry import ContractRegistry
from ingest.errors import TransientError
from ingest.lake.objects.store import ObjectStore
from ingest.retry import WaitBudgets, retrying_to_open
from ingest.run.context import StreamResult
from ingest.run.runner import Ingestion, open_ingestion
from ingest.run.shared import SharedIngestion
from ingest.run.window import Bounds
from ingest.settings import IngestSettings
from orchestration.runtime.heartbeat import Logger

_LINE_SECONDS = 5.0


@dataclass(frozen=True)
class StreamOrder:
    """An order to land a stream. `run_id` is the run that the commits belong to.

    `shared` is that run's horizon and snapshot, if it has them. `backfill` is a window `[from, to)` of cursors to land
    again instead of new data.
    """

    stream: str
    run_id: str
    shared: SharedIngestion | None = None
    backfill: Bounds | None = None
    keys: bool = True
    count: bool = True


def land(
    order: StreamOrder,
    settings: IngestSettings,
    store: ObjectStore,
    logger: Logger,
    budgets: WaitBudgets | None = None,
) -> StreamResult:
    """Land a stream within its wait budget in `budgets`, which are the settings' by default.

    Raises PlatformError, including ConflictError if another writer committed first.
    """
    budgets = budgets or WaitBudgets(settings.wait_budget_seconds)
    (contract,) = ContractRegistry.load(settings.contracts_dir).select([order.stream])
    lines = ProgressLines(logger)

    def note(error: TransientError, wait: float) -> None:
        logger.warning("trying again in %.0f s: %s", wait, error)

    with ExitStack() as opened:

        def once() -> Ingestion:
            return opened.enter_context(
                open_ingestion(
                    settings,
                    [contract],
                    order.run_id,
                    progress=lines.read,
                    store=store,
                    shared=order.shared,
                    budgets=budgets,
                )
            )

        # Once it is open, an ingestion retries by itself.
        ingestion = retrying_to_open(budgets, [contract.stream], note)(once)
        if order.backfill is not None:
            start, end = order.backfill
            return ingestion.backfill(order.stream, start=start, end=end)
        return ingestion.ingest(order.stream, keys=order.keys, count=order.count)


class ProgressLines:
    """A logger of a stream's progress every few seconds."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._next = monotonic() + _LINE_SECONDS

    def read(self, stream: str, records: int) -> None:
        if monotonic() >= self._next:
            self._next = monotonic() + _LINE_SECONDS
            self._logger.info("%s: %s records read", stream, f"{records:,}")
