"""Loads and statuses as tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from orchestration.warehouse.cli.status import StreamStatus
from orchestration.warehouse.loader import LoadResult

if TYPE_CHECKING:
    from orchestration.warehouse.snowflake.copy_history import HistoryCheck


def print_loads(results: Sequence[LoadResult]) -> None:
    """Print a load's outcomes, one line per stream."""
    table = _table("stream", "versions>", "rows>", "deletes>", "quarantined>", "files>", "MB>", "seconds>", "now at>")
    for result in results:
        table.add_row(
            result.stream,
            str(len(result.commits)),
            f"{result.rows:,}",
            f"{result.deletes:,}" if result.deletes else "",
            f"{result.quarantined:,}",
            str(result.files),
            f"{result.bytes / 1e6:,.1f}",
            f"{result.seconds:.1f}",
            str(result.version),
        )
    console = Console()
    console.print(table)
    for result in results:
        if result.added_columns:
            console.print(f"{result.stream}: added {', '.join(result.added_columns)}")
        if result.widened_columns:
            console.print(f"{result.stream}: widened {', '.join(result.widened_columns)}", markup=False)
        if result.reloaded is not None:
            console.print(f"{result.stream}: a replay loaded {result.reloaded:,} rows again")


def print_statuses(statuses: Sequence[StreamStatus]) -> None:
    """Print ledger against lake, one line per stream."""
    table = _table("stream", "lake>", "RAW>", "behind>", "rows>", "watermark (UTC)", "loaded (UTC)")
    for status in statuses:
        table.add_row(
            status.stream,
            str(status.lake_version),
            str(status.loaded_version),
            f"[yellow]{status.behind}[/]" if status.behind else "[green]0[/]",
            f"{status.raw_rows:,}",
            _moment(status.lake_watermark),
            _moment(status.loaded_at),
        )
    Console().print(table)


def print_history(checks: Sequence[HistoryCheck]) -> None:
    """Print ledger against Snowflake's history of loads, one line per stream, and each file on which they disagree."""
    table = _table("stream", "versions>", "files>", "rows>", "COPY_HISTORY")
    for check in checks:
        agrees = "[green]agrees[/]" if check.agrees else "[red]differs[/]"
        table.add_row(check.stream, str(check.versions), str(check.files), f"{check.rows:,}", agrees)
    console = Console()
    console.print(table)
    for check in checks:
        for file in check.missing:
            console.print(f"{check.stream}: not in COPY_HISTORY: {file}", markup=False)
        for file in check.foreign:
            console.print(f"{check.stream}: in COPY_HISTORY, and no loaded version names it: {file}", markup=False)


def _table(*columns: str) -> Table:
    """Return an empty table. A column whose name ends in `>` is numeric."""
    table = Table(header_style="bold")
    for column in columns:
        table.add_column(column.removesuffix(">"), justify="right" if column.endswith(">") else "left")
    return table


def _moment(moment: datetime | None) -> str:
    return f"{moment:%m-%d %H:%M:%S}" if moment else ""
