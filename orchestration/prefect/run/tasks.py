"""Prefect tasks: one stream's ingestion, one stream's load, the reconciliation and the publication.

A task takes its work as an object of a plain class: Prefect searches dataclasses, models and collections for futures,
and passes any other object on unchanged. Only a TransientError is retried.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from prefect import task
from prefect.states import Completed

from ingest.contracts.model import StreamContract
from ingest.errors import ConflictError
from ingest.retry import WaitBudget, WaitBudgets
from ingest.run.runner import Ingestion
from ingest.run.shared import SharedIngestion
from orchestration.prefect.run.task_retries import TaskRetries, is_transient
from orchestration.progress import Progress
from orchestration.reconcile.comparison import Reconciler, Reconciliation, SourceSide, require_equal
from orchestration.report import StreamOutcome
from orchestration.warehouse.loader import LoadResult, StreamLoads
from orchestration.warehouse.protocol import Publication, Purpose, Warehouse
from orchestration.warehouse.publication import PublicationRecord, record_publication


class IngestWork:
    """Lands streams, `slots` at once. `versions` are the logs' heads before it was opened, 0 for an empty log.

    Deletions are looked for in the streams `with_keys`.
    """

    def __init__(
        self,
        ingestions: Mapping[str, Ingestion],
        contracts: Mapping[str, StreamContract],
        versions: Mapping[str, int],
        progress: Progress,
        *,
        backfill: tuple[datetime, datetime] | None,
        with_keys: frozenset[str],
        slots: int,
        budgets: WaitBudgets,
        retries: TaskRetries,
    ) -> None:
        self._ingestions = ingestions
        self._budgets = budgets
        self._retries = retries
        self._contracts = contracts
        self._versions = versions
        self._progress = progress
        self._backfill = backfill
        self._with_keys = with_keys
        self._slots = threading.BoundedSemaphore(slots)

    def ingest(self, stream: str) -> StreamOutcome:
        """Land one stream. A conflict with another writer is an outcome; any other failure is raised."""
        with self._slots:
            self._progress.stream_started(stream)
            try:
                with self._retries.paid_by(self._budgets.of(stream), stream):
                    outcome = self._landed(stream)
            except ConflictError as error:
                message = f"another writer won: {error.message}"
                outcome = StreamOutcome(stream, version=self._versions[stream], overtaken=message)
            self._progress.stream_finished(outcome)
            return outcome

    def is_quick(self, stream: str) -> bool:
        """Return whether landing the stream reads nothing or a small table. Raises errors of the source."""
        if self._backfill is not None:
            return False
        with self._slots, self._retries.paid_by(self._budgets.of(stream), stream):
            return self._ingestions[stream].is_quick(stream, keys=stream in self._with_keys)

    def shared(self, stream: str) -> SharedIngestion:
        """Return the ingestion that other processes join to land the stream."""
        return self._ingestions[stream].shared(stream)

    def _landed(self, stream: str) -> StreamOutcome:
        ingestion = self._ingestions[stream]
        if self._backfill is not None:
            start, end = self._backfill
            result = ingestion.backfill(stream, start=start, end=end)
        else:
            # Without a keys pass, rows deleted at the source are still in the lake, so counts cannot be compared.
            keys = stream in self._with_keys
            result = ingestion.ingest(stream, keys=keys, count=keys or not self._contracts[stream].lands_keys)
        version = result.commits[-1].version if result.commits else self._versions[stream]
        return StreamOutcome(stream, version=version, result=result)


class StreamWork(Protocol):
    """An object that lands one stream, in this process or elsewhere."""

    def ingest(self, stream: str) -> StreamOutcome: ...


@task(name="ingest", task_run_name="{stream}", retry_condition_fn=is_transient)
def ingest_stream(stream: str, work: StreamWork) -> Any:
    """Land one stream in the lake. The state's data is its StreamOutcome."""
    outcome = work.ingest(stream)
    if outcome.result is None:
        return Completed(message=outcome.overtaken, data=outcome)
    rows, refused = outcome.result.rows_landed, outcome.result.rows_quarantined
    quarantined = f", {refused:,} quarantined" if refused else ""
    return Completed(message=f"{rows:,} rows landed{quarantined}; at version {outcome.version}", data=outcome)


class LoadWork:
    """Loads streams, `slots` at once."""

    def __init__(
        self,
        loads: StreamLoads,
        budgets: Callable[[str], WaitBudget],
        contracts: Mapping[str, StreamContract],
        progress: Progress,
        *,
        slots: int,
        retries: TaskRetries,
    ) -> None:
        self._loads = loads
        self._budgets = budgets
        self._retries = retries
        self._contracts = contracts
        self._progress = progress
        self._slots = threading.BoundedSemaphore(slots)

    def load(self, stream: str) -> LoadResult:
        """Load one stream."""
        with self._slots, self._retries.paid_by(self._budgets(stream), stream):
            result = self._loads.load(self._contracts[stream])
        self._progress.loaded(result)
        return result


@task(name="load", task_run_name="load {stream}", retry_condition_fn=is_transient)
def load_stream(stream: str, work: LoadWork) -> Any:
    """Load new versions of one stream into RAW. The state's data is its LoadResult."""
    result = work.load(stream)
    message = f"{result.rows:,} rows of {len(result.commits)} versions; at version {result.version}"
    return Completed(message=message, data=result)


class Reconciling(Protocol):
    """An object that counts and compares streams."""

    results: list[Reconciliation]

    def reconcile(self) -> None: ...


class ReconcileWork:
    """The reconciliation of a run. `results` are available even if counts differ."""

    def __init__(
        self,
        reconciler: Reconciler,
        warehouse: Warehouse,
        contracts: Sequence[StreamContract],
        sources: Mapping[str, SourceSide],
        progress: Progress,
        *,
        staging: bool,
        settled: frozenset[str],
    ) -> None:
        self._reconciler = reconciler
        self._warehouse = warehouse
        self._contracts = contracts
        self._sources = sources
        self._progress = progress
        self._staging = staging
        self._settled = settled
        self.results: list[Reconciliation] = []

    def reconcile(self) -> None:
        """Count all streams, the settled ones only in the lake. Raises ReconciliationError if counts differ."""
        with self._warehouse.connect(Purpose.AUDIT) as session:
            self.results = self._reconciler.reconcile(
                session,
                self._contracts,
                self._sources,
                staging=self._staging,
                settled=self._settled,
                on_done=self._progress.reconciled,
            )
        require_equal(self.results)


class ReconcileLakeWork:
    """The reconciliation of only source and lake, for streams that were counted at the source."""

    def __init__(
        self,
        reconciler: Reconciler,
        contracts: Sequence[StreamContract],
        sources: Mapping[str, SourceSide],
        progress: Progress,
    ) -> None:
        self._reconciler = reconciler
        self._contracts = contracts
        self._sources = sources
        self._progress = progress
        self.results: list[Reconciliation] = []

    def reconcile(self) -> None:
        """Count the streams in the lake. Raises ReconciliationError if counts differ."""
        self.results = self._reconciler.reconcile_without_warehouse(
            self._contracts, self._sources, on_done=self._progress.reconciled
        )
        require_equal(self.results)


@task(name="reconcile", task_run_name="reconcile", retry_condition_fn=is_transient)
def reconcile_streams(work: Reconciling) -> Any:
    """Compare source, lake, RAW and staging."""
    work.reconcile()
    return Completed(message=f"{len(work.results)} streams are equal")


class PublishWork:
    """The publication of the marts, the schema `mart`, with a record of what the run has proved about them."""

    def __init__(self, warehouse: Warehouse, mart: str, record: PublicationRecord) -> None:
        self._warehouse = warehouse
        self._mart = mart
        self._record = record

    def publish(self) -> Publication:
        """Publish the present state to readers."""
        with self._warehouse.connect(Purpose.PUBLISH) as session:
            record_publication(session, self._mart, self._record)
        return self._warehouse.publish(self._record.run_id)


@task(name="publish", task_run_name="publish")
def publish_warehouse(work: PublishWork) -> Any:
    """Publish the tested marts to readers. The state's data is its Publication."""
    publication = work.publish()
    return Completed(message=publication.location, data=publication)
