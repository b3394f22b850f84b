"""One ingestion of any number of streams, which the command line and the orchestrator both use.

    with open_ingestion(settings, contracts, run_id) as ingestion:
        result = ingestion.ingest("products")

The order in `open_ingestion` matters: first the heads of the logs are read, then the horizon, then the
snapshot. A batch may only become the version after that head, so the slower of two writers fails cleanly, and a set of
keys can never delete a row that was landed after its snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from structlog.contextvars import bound_contextvars

from ingest.apart import Outcome, attempt_all
from ingest.contracts.drift import adapted
from ingest.contracts.model import Source, StreamContract
from ingest.errors import ConfigurationError, PlatformError, TransientError
from ingest.lake.heads import read_heads
from ingest.lake.objects.store import ObjectStore
from ingest.logs import Progress, get_logger
from ingest.retry import WaitBudget, WaitBudgets, retrying
from ingest.retry_policies import STREAM_FROM_API, STREAM_FROM_POSTGRES
from ingest.run.context import IngestionContext, SourceCount, StreamResult
from ingest.run.extract_postgres import PostgresExtraction
from ingest.run.shared import SharedIngestion, join_ingestion, open_session
from ingest.settings import IngestSettings
from ingest.sources.postgres.reader import PostgresSession

if TYPE_CHECKING:
    from ingest.run.extract_saas import SaasExtraction
    from ingest.sources.api.http import ApiClient
    from ingest.verify.report import Verification

T = TypeVar("T")

_POLICIES = {Source.POSTGRES: STREAM_FROM_POSTGRES, Source.SAAS: STREAM_FROM_API}


class Ingestion:
    """An ingestion under way. Its methods block, and may be called from several threads for different streams."""

    def __init__(
        self,
        context: IngestionContext,
        contracts: Sequence[StreamContract],
        session: PostgresSession | None,
        api: ApiClient | None,
        budgets: WaitBudgets,
    ) -> None:
        self._context = context
        self._contracts = {contract.stream: contract for contract in contracts}
        self._session = session
        self._api = api
        self._budgets = budgets
        self._private_sessions = ExitStack()
        self._lock = threading.Lock()
        self._shared = SharedIngestion.of(context.heads, session)

    @property
    def streams(self) -> list[str]:
        """The streams of this ingestion."""
        return list(self._contracts)

    def ingest(self, stream: str, *, keys: bool = True, count: bool = True) -> StreamResult:
        """Land new data of `stream`, then its deleted keys if its contract asks for them, then count the rows at the
        source.

        Raises ConflictError if another writer committed first, and any other PlatformError with the stream named.
        """
        result = self._attempt(stream, lambda extraction: extraction.ingest(keys=keys, count=count))
        compared = result.source_count is not None and (keys or not self._contracts[stream].lands_keys)
        self._context.mark_read(result, compared=compared)
        return result

    def is_quick(self, stream: str, *, keys: bool) -> bool:
        """Return whether `ingest` reads nothing or a small table, so that no other process is worth its start."""
        return self._tried(stream, lambda extraction: extraction.is_quick(keys=keys))

    def shared(self, stream: str) -> SharedIngestion:
        """Return this ingestion in the form that other processes join while it is open.

        Raises DamagedLakeError for a stream whose log is damaged.
        """
        if stream in self._context.damaged:
            raise self._context.damaged[stream]
        return self._shared

    def backfill(self, stream: str, *, start: datetime, end: datetime) -> StreamResult:
        """Land the window `[start, end)` of cursors again, as far as it has settled. The watermark stays."""
        if start >= end:
            raise ConfigurationError(f"the window is empty: {start} is not before {end}", stream=stream)
        return self._attempt(stream, lambda extraction: extraction.backfill((start, end)))

    def land_keys(self, stream: str) -> StreamResult:
        """Land only deleted keys and keys that came back."""
        if not self._contracts[stream].lands_keys:
            raise ConfigurationError("its contract says deletes: none, so it has no keys pass", stream=stream)
        return self._attempt(stream, lambda extraction: extraction.land_keys())

    def retry_quarantined(self, stream: str) -> StreamResult:
        """Land the refused records that keep the contract now."""
        return self._attempt(stream, lambda extraction: extraction.retry_quarantined())

    def verify(self, stream: str, *, repair: bool = False) -> Verification:
        """Compare all rows of `stream` at the source with the lake's rows. With `repair`, land the differences.

        Raises ConflictError if another writer committed before the repair.
        """
        found = self._tried(stream, lambda extraction: extraction.verify(repair=repair))
        get_logger(run_id=self._context.run_id, stream=stream).info(
            "verified", equal=found.equal, differences=list(found.differences), landed=list(found.landed)
        )
        return found

    def close(self) -> None:
        """Close sessions that retries opened."""
        self._private_sessions.close()

    def _attempt(
        self, stream: str, work: Callable[[PostgresExtraction | SaasExtraction], StreamResult]
    ) -> StreamResult:
        """Run `work`, log what it landed, and return the result."""
        log = get_logger(run_id=self._context.run_id, stream=stream)
        started = monotonic()
        result = replace(self._tried(stream, work), seconds=monotonic() - started)
        log.info(
            "landed",
            versions=[commit.version for commit in result.commits],
            rows=result.rows_landed,
            quarantined=result.rows_quarantined,
            seconds=round(result.seconds, 3),
            watermark=result.watermark_after.isoformat() if result.watermark_after else None,
            watermark_lag_seconds=result.lag_seconds,
            blocker=result.blocker,
        )
        return result

    def _tried(self, stream: str, work: Callable[[PostgresExtraction | SaasExtraction], T]) -> T:
        """Run `work`. After a transient fault, retry it with a fresh head, horizon and snapshot."""
        contract = self._contracts[stream]
        if stream in self._context.damaged:
            raise self._context.damaged[stream]
        budget = self._budgets.of(stream)
        log = get_logger(run_id=self._context.run_id, stream=stream)
        session = self._session
        broken_off = False

        def note(error: TransientError, wait: float) -> None:
            nonlocal broken_off
            log.warning("trying again", error=str(error), wait_seconds=round(wait, 1))
            broken_off = True

        def once() -> T:
            nonlocal session, broken_off
            if broken_off:
                # Take over newer commits. Some may be ours, if the response to a commit was lost.
                self._context.take_over_newer(stream)
                session = self._fresh_session(stream) if contract.spec.source is Source.POSTGRES else None
                broken_off = False
            return work(self._extraction(contract, session, budget))

        try:
            with bound_contextvars(run_id=self._context.run_id, stream=stream):
                return retrying(_POLICIES[contract.spec.source], budget, before_retry=note)(once)
        except PlatformError as error:
            error.stream = error.stream or stream
            log.error("failed", error=str(error), kind=type(error).__name__)  # noqa: TRY400 - told, not traced
            raise

    def _extraction(
        self, contract: StreamContract, session: PostgresSession | None, budget: WaitBudget
    ) -> PostgresExtraction | SaasExtraction:
        if contract.spec.source is Source.POSTGRES:
            assert session is not None  # noqa: S101 - open_ingestion or _fresh_session made it
            adaptation = adapted(contract, session.table(contract.source_object))
            if contract.spec.cursor is not None:
                session.horizon.require(contract.stream)
            return PostgresExtraction(self._context, adaptation, session)
        from ingest.run.extract_saas import SaasExtraction

        assert self._api is not None  # noqa: S101 - open_ingestion made it
        return SaasExtraction(self._context, contract, self._api, budget)

    def _fresh_session(self, stream: str) -> PostgresSession:
        session = open_session(self._context.settings, [self._contracts[stream]])
        with self._lock:
            self._private_sessions.enter_context(session)
        return session


@contextmanager
def open_ingestion(
    settings: IngestSettings,
    contracts: Sequence[StreamContract],
    run_id: str,
    *,
    progress: Progress = lambda stream, rows: None,
    store: ObjectStore | None = None,
    shared: SharedIngestion | None = None,
    budgets: WaitBudgets | None = None,
) -> Iterator[Ingestion]:
    """Open an ingestion of `contracts`. With `shared`, join an ingestion that another process keeps open.

    `budgets` limit the waits of its streams; by default each stream has the settings' whole budget.

    Raises PlatformError if lake, Postgres or API cannot be used, and ConflictError if another run has committed since
    the shared ingestion was opened.
    """
    store = store or ObjectStore(settings.lake)
    context = IngestionContext(settings, store, run_id, progress)
    sources = {contract.spec.source for contract in contracts}
    with ExitStack() as resources:
        session = api = None
        if shared is not None:
            session = join_ingestion(context, contracts, shared)
        else:
            found = read_heads(store, contracts)
            context.heads, context.damaged = found.commits, found.damaged
            if Source.POSTGRES in sources:
                session = open_session(settings, contracts)
        if session is not None:
            resources.enter_context(session)
        if Source.SAAS in sources:
            from ingest.sources.api.http import ApiClient

            api = resources.enter_context(
                ApiClient(settings.saas_base_url, settings.saas_api_key, answer_bytes=settings.saas_answer_bytes)
            )
        ingestion = Ingestion(context, contracts, session, api, budgets or WaitBudgets(settings.wait_budget_seconds))
        resources.callback(ingestion.close)
        yield ingestion


def ingest_all(ingestion: Ingestion, *, concurrency: int, keys: bool) -> list[Outcome[StreamResult]]:
    """Land every stream of `ingestion`, `concurrency` at a time. A stream that fails does not stop the others."""
    return attempt_all(
        ingestion.streams, lambda stream: ingestion.ingest(stream, keys=keys, count=False), at_once=concurrency
    )


__all__ = ["Ingestion", "Progress", "SourceCount", "StreamResult", "ingest_all", "open_ingestion"]
