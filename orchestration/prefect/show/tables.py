"""A run's report as tables: one row for each stream, dbt node or reconciliation, with plain numbers in its cells.

The caller decides how numbers are written. `readable` writes them for Prefect's UI.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest.hints import here
from orchestration.dbt.events import NodeFinished
from orchestration.reconcile.comparison import Reconciliation
from orchestration.report import RunReport, StreamOutcome
from orchestration.warehouse.loader import LoadResult

Cells = dict[str, Any]

HISTORY = ("landed, lake", "landed, RAW")
"""Of a reconciliation: every row that was ever landed, each version of it. Of interest where they differ."""
_SELDOM = ("quarantined", "refused", "in flight", "lag, s")
"""Columns that say nothing if all of them are zero."""


NOTHING_TO_DO = "Nothing to do: the marts are up to date. The warehouse was not used."


def of_what(report: RunReport) -> str:
    """Return the part of the project that dbt was to build; empty if it was everything."""
    return f" of {report.plan}" if report.plan is not None and not report.plan.whole else ""


def stream_rows(report: RunReport) -> list[Cells]:
    """Return one row for each stream that was ingested or loaded."""
    streams = {outcome.stream: outcome for outcome in report.streams}
    loads = {load.stream: load for load in report.loads}
    return [_stream_row(name, streams.get(name), loads.get(name)) for name in dict.fromkeys([*streams, *loads])]


def node_rows(nodes: Sequence[NodeFinished]) -> list[Cells]:
    """Return one row for each dbt node; failures first, then warnings, then the slowest. Long names come last."""
    ordered = sorted(nodes, key=lambda node: (not node.failed, not node.warned, -node.seconds))
    return [
        {
            "status": node.status.value,
            "kind": node.materialized if node.resource_type == "model" else node.resource_type,
            "rows": "" if node.rows is None else node.rows,
            "seconds": round(node.seconds, 2),
            "node": node.name,
            "message": node.message,
            "compiled SQL": str(node.compiled_path or ""),
        }
        for node in ordered
    ]


def warning_rows(report: RunReport) -> list[Cells]:
    """Return one row for each test that warned: the number of rows it found, and their meaning."""
    return [
        {
            "rows": node.failures or 0,
            "what": node.description or node.message,
            "test": node.name,
            "compiled SQL": str(node.compiled_path or ""),
        }
        for node in report.warnings
    ]


def reconciliation_rows(reconciliations: Sequence[Reconciliation]) -> list[Cells]:
    """Return one row for each reconciled stream."""
    return [
        {
            "stream": item.stream,
            "source": "" if item.source is None else item.source,
            "refused": item.refused,
            "in flight": item.in_flight,
            "lake": item.lake,
            "RAW": "" if item.raw is None else item.raw,
            "staging": "" if item.staging is None else item.staging,
            "landed, lake": item.lake_history,
            "landed, RAW": "" if item.raw_history is None else item.raw_history,
            "equal": "yes" if item.equal else "NO",
            "note": here("; ".join(item.differences) or item.note),
        }
        for item in reconciliations
    ]


def not_compared(reconciliations: Sequence[Reconciliation]) -> str:
    """Return the streams whose lake was not compared with the source, by reason; empty if all were."""
    streams: dict[str, list[str]] = {}
    for item in reconciliations:
        if item.source is None:
            streams.setdefault(item.note or "not counted at the source", []).append(item.stream)
    return "; ".join(f"{', '.join(names)} ({why})" for why, names in streams.items())


def notes(outcome: StreamOutcome) -> list[str]:
    """Return remarks on a stream, which go beside its numbers."""
    if outcome.error is not None:
        return [str(outcome.error)]
    if outcome.overtaken is not None:
        return [outcome.overtaken]
    if outcome.result is None:
        return []
    blocked = [f"held up by {outcome.result.blocker}"] if outcome.result.blocker else []
    return [*blocked, *outcome.result.notices]


def landed_rows_differ(reconciliations: Sequence[Reconciliation]) -> bool:
    """Return whether the columns HISTORY must be shown."""
    return any(item.raw_history not in (None, item.lake_history) for item in reconciliations)


def readable(rows: Sequence[Cells], *, leave_out: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return the rows with numbers as people write them. Columns that are empty in each row are left out."""
    names = [name for name in (rows[0] if rows else ()) if name not in leave_out]
    told = [name for name in names if any(row[name] != "" and (row[name] or name not in _SELDOM) for row in rows)]
    return [{name: _text(name, row[name]) for name in told} for row in rows]


def _stream_row(name: str, outcome: StreamOutcome | None, load: LoadResult | None) -> Cells:
    result = outcome.result if outcome else None
    return {
        "stream": name,
        "landed": result.rows_landed if result else "",
        "quarantined": result.rows_quarantined if result else "",
        "loaded": load.rows if load else "",
        "files": result.files if result else "",
        "bytes": result.bytes if result else "",
        "watermark, UTC": f"{result.watermark_after:%Y-%m-%d %H:%M:%S}" if result and result.watermark_after else "",
        "lag, s": round(result.lag_seconds, 1) if result and result.lag_seconds is not None else "",
        "version in RAW": load.version if load else "",
        "seconds": round((result.seconds if result else 0.0) + (load.seconds if load else 0.0), 2),
        "note": "; ".join(notes(outcome)) if outcome else "",
    }


def _text(name: str, cell: Any) -> str:
    if name == "bytes" and cell != "":
        return size(cell)
    if isinstance(cell, float):
        return f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else " ".join(str(cell).split())


def size(count: int) -> str:
    """Return a number of bytes as people write it: 512 B, 1.1 MB."""
    if count < 1000:
        return f"{count:,} B"
    for unit in ("kB", "MB"):
        count_in_unit = count / (1000 if unit == "kB" else 1_000_000)
        if count_in_unit < 1000:
            return f"{count_in_unit:,.1f} {unit}"
    return f"{count / 1e9:,.1f} GB"
