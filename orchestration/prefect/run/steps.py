"""The steps of a run in their order: ingest, load, dbt, reconcile, publish.

dbt writes and tests; only data that passed its tests and the reconciliation is published. A failed ingestion does not
stop the run: the other streams' commits are loaded, built and published, and the run fails at its end. A failed load
stops it, because models over a half-loaded RAW are not worth building. If there is nothing new, the warehouse is not
used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.states import State

from ingest.errors import PlatformError
from orchestration.built.plan import Plan
from orchestration.dbt.ahead import RunDbt
from orchestration.dbt.events import NodeFinished, NodeStarted
from orchestration.dbt.runner import NOT_OF_A_RUN, OWN_DATA, DbtFailure, NodeEvent
from orchestration.prefect.run.changes import Changes
from orchestration.prefect.run.dbt_nodes import NodeTaskRuns
from orchestration.prefect.run.ingestion import error_of, ingest
from orchestration.prefect.run.recording import Recorder
from orchestration.prefect.run.report_draft import ReportDraft
from orchestration.prefect.run.services import StepServices
from orchestration.prefect.run.task_retries import TaskRetries
from orchestration.prefect.run.tasks import (
    LoadWork,
    PublishWork,
    ReconcileLakeWork,
    ReconcileWork,
    Reconciling,
    load_stream,
    publish_warehouse,
    reconcile_streams,
)
from orchestration.progress import Logger
from orchestration.reconcile.comparison import Reconciler, SourceSide
from orchestration.reconcile.kept import KeptCounts
from orchestration.report import RunReport, StreamOutcome
from orchestration.runtime.lost_signals import stop_signal
from orchestration.warehouse.loader import Loader, LoadResult, StreamLoads
from orchestration.warehouse.ops.rows import RunState
from orchestration.warehouse.protocol import Purpose
from orchestration.warehouse.publication import PublicationRecord

_TABLES = ("table", "incremental", "snapshot", "seed")


def execute(run: StepServices, flow_run_id: UUID, logger: Logger) -> RunReport:
    """Run the steps that the parameters ask for, and record the run.

    The report holds problems; only a bug is raised.
    """
    recorder = Recorder.of(run, datetime.now(UTC), logger)
    recorder.begin()
    draft = ReportDraft(run.run_id)
    try:
        with RunDbt(run.settings, run.warehouse, run.run_id) as dbt:
            _steps(run, draft, recorder, dbt, flow_run_id, logger)
    except PlatformError as error:
        draft.problems.append(error)
    except BaseException as error:
        recorder.write(draft.report(), "failed" if stop_signal(error) is None else "interrupted")
        raise
    if draft.recorded is None or draft.recorded.run.state != _state(draft):
        recorder.write(draft.report(), _state(draft))
    return draft.report(recorder.remarks)


def _steps(
    run: StepServices, draft: ReportDraft, recorder: Recorder, dbt: RunDbt, flow_run_id: UUID, logger: Logger
) -> None:
    """Ingest, and go on as far as there is something new."""
    parameters = run.parameters
    if not parameters.skip_dbt:
        dbt.start_unparsed()
    if not parameters.skip_ingest:
        with draft.timed("ingest"):
            draft.streams = ingest(run) if parameters.skip_dbt else ingest(run, on_commits=dbt.start)
        # Streams of a source that could not be opened share one error.
        draft.problems += dict.fromkeys(outcome.error for outcome in draft.streams if outcome.error is not None)
    changes = Changes.of(run)
    if changes.are_none():
        draft.plan, draft.is_idle = Plan(), True
        with draft.timed("reconcile"):
            _reconcile_lake(run, draft)
        return
    if parameters.skip_load and parameters.skip_dbt:
        return
    dbt.make_folder()
    with _writing(run, draft):
        try:
            _in_warehouse(run, draft, changes, recorder, dbt, flow_run_id, logger)
        except PlatformError as error:
            draft.problems.append(error)
        draft.recorded = recorder.write(draft.report(), _state(draft))
        recorder.take_in(draft.recorded)
        changes.note()


@contextmanager
def _writing(run: StepServices, draft: ReportDraft) -> Iterator[None]:
    """Hold the writer's lock within the block."""
    with ExitStack() as stack:
        with draft.timed("wait"):
            stack.enter_context(run.warehouse.lock(run.run_id, wait=run.settings.lock_wait))
        yield


def _state(draft: ReportDraft) -> RunState:
    return "failed" if draft.problems else "completed"


def _in_warehouse(
    run: StepServices,
    draft: ReportDraft,
    changes: Changes,
    recorder: Recorder,
    dbt: RunDbt,
    flow_run_id: UUID,
    logger: Logger,
) -> None:
    """Run the steps that need the writer's lock. A step that fails ends them."""
    parameters = run.parameters
    if not parameters.skip_dbt:
        dbt.start()
    if not parameters.skip_load:
        with draft.timed("load"):
            if not _load(run, draft, changes):
                return
    if not parameters.skip_dbt:
        # Incremental models read only new versions, so they are built anew after a load that changes the past.
        draft.plan, draft.full_refresh = changes.planned(draft.loads)
        if not draft.plan.is_nothing:
            draft.leaves_out = () if recorder.prepare() else OWN_DATA
            changes.begin(draft.plan)
            with draft.timed("dbt"):
                if not _build(run, draft, draft.plan, dbt, flow_run_id, logger):
                    return
    with draft.timed("reconcile"):
        if not _reconcile(run, draft):
            return
    if draft.plan is None or parameters.skip_publish:
        return
    if not draft.plan.is_nothing:
        with draft.timed("publish"):
            if not _publish(run, draft):
                return
    changes.are_published(draft.plan)


def _load(run: StepServices, draft: ReportDraft, changes: Changes) -> bool:
    run.progress.step("load", f"into {run.settings.schemas.raw} of {run.warehouse.name}")
    loader = Loader(
        run.store,
        run.settings.schemas.raw,
        run_id=run.run_id,
        wait_budget_seconds=run.settings.load_wait_budget_seconds,
    )
    with run.warehouse.connect() as session:
        draft.settled = changes.settled(session)
        # All other tables, whichever streams were selected, because dbt reads them all.
        to_prepare = [contract for contract in run.registry.values() if contract.stream not in draft.settled]
        prepared = loader.prepare(session, to_prepare) if to_prepare else {}
        errors = [error for error in prepared.values() if isinstance(error, PlatformError)]
        if not errors:
            errors = _load_streams(run, draft, loader, StreamLoads(loader, session, prepared))
    draft.problems += errors
    return not errors


def _load_streams(run: StepServices, draft: ReportDraft, loader: Loader, loads: StreamLoads) -> list[PlatformError]:
    retries = TaskRetries(run.settings)
    work = LoadWork(
        loads, loader.budget, run.registry, run.progress, slots=run.settings.load_concurrency, retries=retries
    )
    task: Any = retries.of(load_stream)
    to_load = [contract for contract in run.selected if contract.stream not in draft.settled]
    futures = {contract.stream: task.submit(contract.stream, work) for contract in to_load}
    states: list[State[Any]] = [future.wait() for future in futures.values()]
    draft.load_runs = {stream: future.task_run.id for stream, future in futures.items()}
    draft.loads = [
        *(state.result() for state in states if state.is_completed()),
        *(LoadResult(each.stream, draft.settled[each.stream].version) for each in run.selected if each not in to_load),
    ]
    return [error for error in map(error_of, states) if error is not None]


def _build(
    run: StepServices, draft: ReportDraft, planned: Plan, dbt: RunDbt, flow_run_id: UUID, logger: Logger
) -> bool:
    run.progress.step("dbt", f"build{', full refresh' if draft.full_refresh else ''}: {planned}")
    full_tests = bool(planned.whole) or any(_were_deletions_looked_for(run, outcome) for outcome in draft.streams)
    runner = dbt.runner(full_tests=full_tests)
    with NodeTaskRuns(flow_run_id, logger, draft.load_runs) as task_runs:

        def hear(event: NodeEvent) -> None:
            task_runs.tell(event)
            if isinstance(event, NodeStarted):
                run.progress.dbt_started(event)
            elif isinstance(event, NodeFinished):
                draft.nodes.append(event)  # recorded at once, because the build may be aborted
                run.progress.dbt_finished(event)

        try:
            runner.build(
                full_refresh=draft.full_refresh,
                select=planned.selection(list(run.registry.values())),
                exclude=(*NOT_OF_A_RUN, *draft.leaves_out),
                on_event=hear,
            )
        except DbtFailure as error:
            draft.problems.append(error)
            return False
    draft.nodes = _with_rows(run, draft.nodes)
    return True


def _with_rows(run: StepServices, nodes: Sequence[NodeFinished]) -> list[NodeFinished]:
    """Return the nodes, each table with its number of rows, because not every warehouse reports it to dbt."""
    with run.warehouse.connect(Purpose.AUDIT) as session:
        return [
            replace(node, rows=int(str(session.query(f"SELECT count(*) FROM {node.relation}")[0][0])))  # noqa: S608
            if node.rows is None and node.relation and node.materialized in _TABLES and not node.failed
            else node
            for node in nodes
        ]


def _reconcile(run: StepServices, draft: ReportDraft) -> bool:
    everything = draft.plan is None or bool(draft.plan.whole)
    settled = frozenset[str]() if everything else frozenset(draft.settled)
    sources = _sources(draft)
    count = sum(contract.stream not in settled or contract.stream in sources for contract in run.selected)
    run.progress.step("reconcile", f"{count} streams")
    work = ReconcileWork(
        _reconciler(run),
        run.warehouse,
        run.selected,
        sources,
        run.progress,
        staging=not run.parameters.skip_dbt,
        settled=settled,
    )
    return _compared(run, draft, work)


def _reconcile_lake(run: StepServices, draft: ReportDraft) -> None:
    sources = _sources(draft)
    run.progress.step("nothing to do", f"{len(sources)} streams are reconciled with their sources")
    if sources:
        _compared(run, draft, ReconcileLakeWork(_reconciler(run), run.selected, sources, run.progress))


def _compared(run: StepServices, draft: ReportDraft, work: Reconciling) -> bool:
    task: Any = TaskRetries(run.settings).of(reconcile_streams)
    error = error_of(task(work, return_state=True))
    draft.reconciliations = work.results
    if error is not None:
        draft.problems.append(error)
    return error is None


def _reconciler(run: StepServices) -> Reconciler:
    # A run that must check everything also checks that all files of the lake exist.
    kept = KeptCounts(run.settings.runs_dir, anew=not run.parameters.builds_what_is_new)
    return Reconciler(run.store, run.settings.schemas, concurrency=run.settings.load_concurrency, kept=kept)


def _sources(draft: ReportDraft) -> dict[str, SourceSide]:
    return {outcome.stream: side for outcome in draft.streams if (side := _source_side(outcome)) is not None}


def _were_deletions_looked_for(run: StepServices, outcome: StreamOutcome) -> bool:
    """Return whether this run has looked for deletions of the stream. Only then are its rows counted at the source."""
    return run.registry[outcome.stream].lands_keys and _source_side(outcome) is not None


def _source_side(outcome: StreamOutcome) -> SourceSide | None:
    counted = outcome.result.source_count if outcome.result else None
    return SourceSide(counted.rows, counted.in_flight, outcome.version) if counted else None


def _publish(run: StepServices, draft: ReportDraft) -> bool:
    run.progress.step("publish")
    task: Any = publish_warehouse
    record = _record(run, draft)
    state = task(PublishWork(run.warehouse, run.settings.schemas.mart, record), return_state=True)
    error = error_of(state)
    if error is not None:
        draft.problems.append(error)
        return False
    draft.publication, draft.published_at = state.result(), record.published_at
    run.progress.published(state.result())
    return True


def _record(run: StepServices, draft: ReportDraft) -> PublicationRecord:
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
