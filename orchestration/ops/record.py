"""Converts a run's report to the rows of the tables `ops_*`. Pure functions: the caller reads the lake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.contracts.registry import ContractRegistry
from ingest.hints import here
from orchestration.dbt.events import NodeFinished
from orchestration.ops.freshness import Freshness, present_of
from orchestration.ops.texts import LONGEST_PROBLEM, for_readers
from orchestration.reconcile.comparison import Reconciliation
from orchestration.report import RunReport, StreamOutcome
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.ops.rows import (
    DbtResultRow,
    QuarantineRow,
    ReconciliationRow,
    RunRecord,
    RunRow,
    RunState,
    SchemaChangeRow,
    StreamRow,
    StreamState,
)


@dataclass(frozen=True)
class RunFacts:
    """The facts of a run that its report lacks. `parameters` are JSON."""

    run_id: str
    run_name: str | None
    parameters: str
    warehouse: str
    started_at: datetime
    registry: ContractRegistry
    settings: OrchestrationSettings


def record_of(
    report: RunReport,
    facts: RunFacts,
    *,
    state: RunState,
    ended_at: datetime,
    quarantine: Sequence[QuarantineRow] = (),
    schema_changes: Sequence[SchemaChangeRow] = (),
) -> RunRecord:
    """Return the record of a run: all its rows."""
    return RunRecord(
        run=_run_row(report, facts, state, ended_at),
        streams=_stream_rows(report, facts, ended_at),
        reconciliations=tuple(_reconciliation_row(report.run_id, item) for item in report.reconciliations),
        dbt_results=tuple(_dbt_row(report.run_id, node) for node in report.nodes),
        quarantine=tuple(quarantine),
        schema_changes=tuple(schema_changes),
    )


def bare_record(facts: RunFacts, *, state: RunState, ended_at: datetime, problem: str | None) -> RunRecord:
    """Return the record of a run that could not begin and so did nothing."""
    row = RunRow(
        run_id=facts.run_id,
        run_name=facts.run_name,
        state=state,
        warehouse=facts.warehouse,
        parameters=for_readers(facts.parameters),
        started_at=facts.started_at,
        ended_at=ended_at,
        run_seconds=max(0.0, (ended_at - facts.started_at).total_seconds()),
        problem=for_readers(problem, longest=LONGEST_PROBLEM) if problem else None,
    )
    return RunRecord(run=row)


def _run_row(report: RunReport, facts: RunFacts, state: RunState, ended_at: datetime) -> RunRow:
    results = [outcome.result for outcome in report.streams if outcome.result is not None]
    problem = "\n".join(dict.fromkeys(str(problem).strip() for problem in report.problems))
    bare = bare_record(facts, state=state, ended_at=ended_at, problem=problem or None).run
    return bare.model_copy(
        update={
            "is_idle": report.is_idle,
            **{f"{step}_seconds": seconds for step, seconds in report.step_seconds.items()},
            "full_refresh": report.full_refresh,
            "published_at": report.published_at,
            "streams": len(report.streams),
            "streams_failed": sum(outcome.error is not None for outcome in report.streams),
            "rows_landed": sum(result.rows_landed for result in results),
            "rows_quarantined": sum(result.rows_quarantined for result in results),
            "rows_loaded": sum(load.rows for load in report.loads),
            "dbt_nodes": len(report.nodes),
            "dbt_failed": sum(node.failed for node in report.nodes),
            "dbt_warned": sum(node.warned for node in report.nodes),
            "streams_reconciled": len(report.reconciliations),
            "streams_unequal": sum(not item.equal for item in report.reconciliations),
        }
    )


def _stream_rows(report: RunReport, facts: RunFacts, ended_at: datetime) -> tuple[StreamRow, ...]:
    outcomes = {outcome.stream: outcome for outcome in report.streams}
    loads = {load.stream: load for load in report.loads}
    return tuple(
        _stream_row(stream, outcomes.get(stream), loads.get(stream), facts, ended_at)
        for stream in dict.fromkeys([*outcomes, *loads])
    )


def _stream_row(
    stream: str, outcome: StreamOutcome | None, load: LoadResult | None, facts: RunFacts, ended_at: datetime
) -> StreamRow:
    result = outcome.result if outcome else None
    contract = facts.registry[stream]
    fresh = Freshness.of(
        contract, result.read_until if result else None, now=present_of(contract, facts.settings, ended_at)
    )
    problem = (str(outcome.error) if outcome.error else outcome.overtaken) if outcome else None
    return StreamRow(
        run_id=facts.run_id,
        stream=stream,
        state=_stream_state(outcome),
        rows_landed=result.rows_landed if result else None,
        rows_quarantined=result.rows_quarantined if result else None,
        rows_loaded=load.rows if load else None,
        files_landed=result.files if result else None,
        bytes_landed=result.bytes if result else None,
        version_landed=outcome.version if outcome else None,
        version_loaded=load.version if load else None,
        watermark=result.watermark_after if result else None,
        read_until=fresh.read_until,
        watermark_lag_seconds=result.lag_seconds if result else None,
        blocker=for_readers(result.blocker) if result and result.blocker else None,
        ingest_seconds=result.seconds if result else None,
        load_seconds=load.seconds if load else None,
        allowed_age_seconds=fresh.allowed.total_seconds() if fresh.allowed is not None else None,
        age_seconds=fresh.age.total_seconds() if fresh.age is not None else None,
        fresh_until=fresh.fresh_until(ended_at),
        problem=for_readers(problem, longest=LONGEST_PROBLEM) if problem else None,
    )


def _stream_state(outcome: StreamOutcome | None) -> StreamState:
    if outcome is None:
        return "not_ingested"
    if outcome.error is not None:
        return "failed"
    if outcome.overtaken is not None:
        return "overtaken"
    return "landed" if outcome.result is not None and outcome.result.commits else "unchanged"


def _reconciliation_row(run_id: str, item: Reconciliation) -> ReconciliationRow:
    note = here("; ".join(item.differences) or item.note)
    return ReconciliationRow(
        run_id=run_id,
        stream=item.stream,
        version=item.version,
        source_rows=item.source,
        refused_rows=item.refused,
        in_flight_rows=item.in_flight,
        lake_rows=item.lake,
        raw_rows=item.raw,
        staging_rows=item.staging,
        lake_history_rows=item.lake_history,
        raw_history_rows=item.raw_history,
        is_equal=item.equal,
        is_compared=item.source is not None,
        note=for_readers(note) if note else None,
    )


def _dbt_row(run_id: str, node: NodeFinished) -> DbtResultRow:
    return DbtResultRow(
        run_id=run_id,
        unique_id=node.unique_id,
        node=node.name,
        resource_type=node.resource_type,
        materialized=node.materialized,
        status=node.status.value,
        row_count=node.rows,
        execution_seconds=node.seconds,
        started_at=node.started_at,
        ended_at=node.finished_at,
        failures=node.failures,
        message=for_readers(node.message) if node.message else None,
        description=for_readers(node.description) if node.description else None,
        relation=node.relation,
        compiled_path=str(node.compiled_path) if node.compiled_path else None,
    )
