"""A run's artifacts in Prefect's UI: the summary as markdown; streams, dbt results and reconciliation as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from orchestration.dbt_events import NodeFinished
from orchestration.reconcile import Reconciliation
from orchestration.report import RunReport, StreamOutcome
from orchestration.warehouse.loader import LoadResult

Cells = dict[str, Any]

# Prefect types them as coroutines; called from a flow that is not async, they return when the artifact is there.
_create_markdown: Callable[..., object] = create_markdown_artifact
_create_table: Callable[..., object] = create_table_artifact


def show(report: RunReport) -> None:
    """Write all artifacts of a run. Parts that the run did not reach have none."""
    _create_markdown(summary(report), key="run-summary", description="What the run did.")
    tables: Sequence[tuple[str, str, list[Cells]]] = (
        ("run-streams", "Rows landed and loaded, by stream.", stream_rows(report)),
        ("run-dbt", "dbt's nodes, failures first.", node_rows(report.nodes)),
        (
            "run-reconciliation",
            "source - refused = lake = RAW = staging, without rows in flight; landed rows in lake = RAW.",
            reconciliation_rows(report.reconciliations),
        ),
    )
    for key, description, rows in tables:
        if rows:
            _create_table(rows, key=key, description=description)


def summary(report: RunReport) -> str:
    """The run in a few lines of markdown."""
    failed = sum(node.failed for node in report.nodes)
    equal = sum(item.equal for item in report.reconciliations)
    lines = [
        f"# Run {'failed' if report.problems else 'completed'} in {report.seconds:,.0f} s",
        "",
        f"- **Landed** {_total(report.streams, _landed):,} rows of {len(report.streams)} streams, "
        f"{_total(report.streams, _quarantined):,} quarantined",
        f"- **Loaded** {sum(load.rows for load in report.loads):,} rows into RAW",
        f"- **dbt** {len(report.nodes)} nodes, {failed} failed{', full refresh' if report.full_refresh else ''}",
        f"- **Reconciled** {equal} of {len(report.reconciliations)} streams are equal",
        f"- **Published** {f'`{report.publication.location}`' if report.publication else 'nothing'}",
    ]
    if report.problems:
        lines += ["", "## Problems", "", *(f"```\n{problem}\n```" for problem in report.problems)]
    notes = [f"- {outcome.stream}: {text}" for outcome in report.streams for text in _notes(outcome)]
    if notes:
        lines += ["", "## Notes", "", *notes]
    return "\n".join(lines)


def stream_rows(report: RunReport) -> list[Cells]:
    """One row for each stream that was ingested or loaded."""
    streams = {outcome.stream: outcome for outcome in report.streams}
    loads = {load.stream: load for load in report.loads}
    return [_stream_row(name, streams.get(name), loads.get(name)) for name in dict.fromkeys([*streams, *loads])]


def node_rows(nodes: Sequence[NodeFinished]) -> list[Cells]:
    """One row for each dbt node; failures first, then the slowest."""
    ordered = sorted(nodes, key=lambda node: (not node.failed, -node.seconds))
    return [
        {
            "node": node.name,
            "kind": node.materialized if node.resource_type == "model" else node.resource_type,
            "status": node.status.value,
            "rows": "" if node.rows is None else node.rows,
            "seconds": round(node.seconds, 2),
            "message": node.message,
            "compiled SQL": str(node.compiled_path or ""),
        }
        for node in ordered
    ]


def reconciliation_rows(reconciliations: Sequence[Reconciliation]) -> list[Cells]:
    """One row for each stream."""
    return [
        {
            "stream": item.stream,
            "source": "" if item.source is None else item.source,
            "refused": item.refused,
            "in flight": item.in_flight,
            "lake": item.lake,
            "RAW": item.raw,
            "staging": "" if item.staging is None else item.staging,
            "landed, lake": item.lake_history,
            "landed, RAW": item.raw_history,
            "equal": "yes" if item.equal else "NO",
            "note": "; ".join(item.differences) or item.note,
        }
        for item in reconciliations
    ]


def _stream_row(name: str, outcome: StreamOutcome | None, load: LoadResult | None) -> Cells:
    result = outcome.result if outcome else None
    return {
        "stream": name,
        "landed": result.rows_landed if result else "",
        "quarantined": result.rows_quarantined if result else "",
        "files": result.files if result else "",
        "bytes": result.bytes if result else "",
        "watermark": f"{result.watermark_after:%Y-%m-%d %H:%M:%S}" if result and result.watermark_after else "",
        "lag, s": round(result.lag_seconds, 1) if result and result.lag_seconds is not None else "",
        "loaded": load.rows if load else "",
        "version in RAW": load.version if load else "",
        "seconds": round((result.seconds if result else 0.0) + (load.seconds if load else 0.0), 2),
        "note": "; ".join(_notes(outcome)) if outcome else "",
    }


def _notes(outcome: StreamOutcome) -> list[str]:
    if outcome.error is not None:
        return [str(outcome.error)]
    if outcome.overtaken is not None:
        return [outcome.overtaken]
    if outcome.result is None:
        return []
    blocked = [f"held up by {outcome.result.blocker}"] if outcome.result.blocker else []
    return [*blocked, *outcome.result.notices]


def _total(outcomes: Sequence[StreamOutcome], number: Callable[[Any], int]) -> int:
    return sum(number(outcome.result) for outcome in outcomes if outcome.result is not None)


def _landed(result: Any) -> int:
    return int(result.rows_landed)


def _quarantined(result: Any) -> int:
    return int(result.rows_quarantined)
