"""The steps of a run, and their order: ingest, load, dbt, reconcile, publish.

dbt writes and audits; only what passed its tests and the reconciliation is published. A stream whose ingestion failed
holds nothing up: what the others committed is loaded, built and published, and the run fails at its end. A load that
failed does: models over a half-loaded RAW are not worth building.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

from prefect.states import State

from ingest.errors import PlatformError
from orchestration.dbt.events import NodeFinished, NodeStarted
from orchestration.dbt.project import dbt_project
from orchestration.dbt.runner import DbtFailure, DbtRunner, NodeEvent
from orchestration.prefect.run.dbt_nodes import NodeTaskRuns
from orchestration.prefect.run.ingestion import error_of, ingest
from orchestration.prefect.run.services import StepServices
from orchestration.prefect.run.task_retries import TaskRetries
from orchestration.prefect.run.tasks import (
    LoadWork,
    PublishWork,
    ReconcileWork,
    load_stream,
    publish_warehouse,
    reconcile_streams,
)
from orchestration.progress import Logger
from orchestration.reconcile.comparison import Reconciler, Reconciliation, SourceSide
from orchestration.report import RunReport, StreamOutcome
from orchestration.runs import RunFolder, make_run_folder
from orchestration.warehouse.loader import Loader, LoadResult, StreamLoads
from orchestration.warehouse.protocol import Publication, Purpose
from orchestration.warehouse.publication import PublicationRecord

_TABLES = ("table", "incremental", "snapshot", "seed")


@dataclass
class _Draft:
    """The report as it grows; `load_runs` are the task runs that loaded streams."""

    streams: list[StreamOutcome] = field(default_factory=list)
    loads: list[LoadResult] = field(default_factory=list)
    load_runs: dict[str, UUID] = field(default_factory=dict)
    nodes: tuple[NodeFinished, ...] = ()
    full_refresh: bool = False
    reconciliations: list[Reconciliation] = field(default_factory=list)
    publication: Publication | None = None
    problems: list[PlatformError] = field(default_factory=list)


def execute(run: StepServices, flow_run_id: UUID, logger: Logger) -> RunReport:
    """Do what the parameters ask for. Problems are in the report; only a bug is raised."""
    started = monotonic()
    draft = _Draft()
    try:
        if not run.parameters.skip_ingest:
            draft.streams = ingest(run)
            # Streams of a source that could not be opened share one error.
            draft.problems += dict.fromkeys(outcome.error for outcome in draft.streams if outcome.error is not None)
        if not (run.parameters.skip_load and run.parameters.skip_dbt):
            folder = make_run_folder(run.settings.runs_dir, run.run_id, keep=run.settings.runs_kept)
            with run.warehouse.lock(run.run_id, wait=run.settings.lock_wait):
                _in_warehouse(run, draft, folder, flow_run_id, logger)
    except PlatformError as error:
        draft.problems.append(error)
    return RunReport(
        run_id=run.run_id,
        seconds=monotonic() - started,
        streams=tuple(draft.streams),
        loads=tuple(draft.loads),
        nodes=draft.nodes,
        full_refresh=draft.full_refresh,
        reconciliations=tuple(draft.reconciliations),
        publication=draft.publication,
        problems=tuple(draft.problems),
    )


def _in_warehouse(run: StepServices, draft: _Draft, folder: RunFolder, flow_run_id: UUID, logger: Logger) -> None:
    """The steps that need the writer's lock. A step that fails ends them."""
    parameters = run.parameters
    if not parameters.skip_load and not _load(run, draft):
        return
    if not parameters.skip_dbt:
        # Models read only what is new: after a load that changes the past they are built anew.
        draft.full_refresh = parameters.full_refresh or any(
            result.changes_the_past(run.registry[result.stream]) for result in draft.loads
        )
        if not _build(run, draft, folder, flow_run_id, logger):
            return
    if _reconcile(run, draft) and not parameters.skip_dbt and not parameters.skip_publish:
        _publish(run, draft)


def _load(run: StepServices, draft: _Draft) -> bool:
    run.progress.step("load", f"into {run.settings.schemas.raw} of {run.warehouse.name}")
    loader = Loader(
        run.store,
        run.settings.schemas.raw,
        run_id=run.run_id,
        wait_budget_seconds=run.settings.load_wait_budget_seconds,
    )
    with run.warehouse.connect() as session:
        # All tables, whichever streams were asked for: dbt reads them all.
        prepared = loader.prepare(session, list(run.registry.values()))
        errors = [error for error in prepared.values() if isinstance(error, PlatformError)]
        if not errors:
            errors = _load_streams(run, draft, loader, StreamLoads(loader, session, prepared))
    draft.problems += errors
    return not errors


def _load_streams(run: StepServices, draft: _Draft, loader: Loader, loads: StreamLoads) -> list[PlatformError]:
    retries = TaskRetries(run.settings)
    work = LoadWork(
        loads, loader.budget, run.registry, run.progress, slots=run.settings.load_concurrency, retries=retries
    )
    task: Any = retries.of(load_stream)
    futures = {contract.stream: task.submit(contract.stream, work) for contract in run.selected}
    states: list[State[Any]] = [future.wait() for future in futures.values()]
    draft.load_runs = {stream: future.task_run.id for stream, future in futures.items()}
    draft.loads = [state.result() for state in states if state.is_completed()]
    return [error for error in map(error_of, states) if error is not None]


def _build(run: StepServices, draft: _Draft, folder: RunFolder, flow_run_id: UUID, logger: Logger) -> bool:
    run.progress.step("dbt", "build, full refresh" if draft.full_refresh else "build")
    full_tests = draft.full_refresh or run.parameters.keys or any(map(_source_side, draft.streams))
    dbt = DbtRunner(dbt_project(run.settings, run.warehouse, folder, full_tests=full_tests), folder.path / "dbt")
    with NodeTaskRuns(flow_run_id, logger, draft.load_runs) as task_runs:

        def hear(event: NodeEvent) -> None:
            task_runs.tell(event)
            if isinstance(event, NodeStarted):
                run.progress.dbt_started(event)
            elif isinstance(event, NodeFinished):
                run.progress.dbt_finished(event)

        try:
            draft.nodes = dbt.build(full_refresh=draft.full_refresh, on_event=hear)
        except DbtFailure as error:
            draft.nodes = error.results
            draft.problems.append(error)
            return False
    draft.nodes = _with_rows(run, draft.nodes)
    return True


def _with_rows(run: StepServices, nodes: Sequence[NodeFinished]) -> tuple[NodeFinished, ...]:
    """The nodes, each table with its number of rows, which not every warehouse returns to dbt."""
    with run.warehouse.connect(Purpose.AUDIT) as session:
        return tuple(
            replace(node, rows=int(str(session.query(f"SELECT count(*) FROM {node.relation}")[0][0])))  # noqa: S608
            if node.rows is None and node.relation and node.materialized in _TABLES and not node.failed
            else node
            for node in nodes
        )


def _reconcile(run: StepServices, draft: _Draft) -> bool:
    run.progress.step("reconcile", f"{len(run.selected)} streams")
    reconciler = Reconciler(run.store, run.settings.schemas, concurrency=run.settings.load_concurrency)
    sources = {outcome.stream: side for outcome in draft.streams if (side := _source_side(outcome)) is not None}
    work = ReconcileWork(
        reconciler, run.warehouse, run.selected, sources, run.progress, staging=not run.parameters.skip_dbt
    )
    task: Any = TaskRetries(run.settings).of(reconcile_streams)
    error = error_of(task(work, return_state=True))
    draft.reconciliations = work.results
    if error is not None:
        draft.problems.append(error)
    return error is None


def _source_side(outcome: StreamOutcome) -> SourceSide | None:
    counted = outcome.result.source_count if outcome.result else None
    return SourceSide(counted.rows, counted.in_flight, outcome.version) if counted else None


def _publish(run: StepServices, draft: _Draft) -> None:
    run.progress.step("publish")
    task: Any = publish_warehouse
    state = task(PublishWork(run.warehouse, run.settings.schemas.mart, _record(run, draft)), return_state=True)
    error = error_of(state)
    if error is not None:
        draft.problems.append(error)
        return
    draft.publication = state.result()
    run.progress.published(state.result())


def _record(run: StepServices, draft: _Draft) -> PublicationRecord:
    now = datetime.now(UTC)
    failed = tuple(sorted(outcome.stream for outcome in draft.streams if outcome.error is not None))
    counted = {counts.stream for counts in draft.reconciliations if counts.source is not None}
    return PublicationRecord(
        run_id=run.run_id,
        published_at=now,
        business_time=run.settings.business_now or now,
        streams=len(run.registry),
        equal=len(counted),
        uncounted=tuple(sorted(set(run.registry) - counted - set(failed))),
        failed=failed,
    )
