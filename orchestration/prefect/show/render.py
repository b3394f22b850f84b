"""A run on the terminal: a line for each event, then the tables of its report."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.dbt.events import NodeFinished, NodeStarted, NodeStatus
from orchestration.prefect.show.tables import (
    HISTORY,
    NOTHING_TO_DO,
    landed_rows_differ,
    not_compared,
    of_what,
    reconciliation_rows,
    stream_rows,
    warning_rows,
)
from orchestration.reconcile.comparison import Reconciliation
from orchestration.report import RunReport, StreamOutcome
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.protocol import Publication

_COLOURS = {NodeStatus.SKIPPED: "dim", NodeStatus.WARN: "yellow"}


class Lines:
    """A Progress that prints a line for each event, with the seconds since it was made."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(soft_wrap=True, highlight=False)
        self._started = monotonic()

    def step(self, name: str, detail: str = "") -> None:
        self._line(f"[bold]{name}[/] {escape(detail)}")

    def stream_started(self, stream: str) -> None:
        """Print nothing, because the event at the end has all facts."""

    def stream_read(self, stream: str, records: int) -> None:
        """Print nothing, because the event at the end has all facts."""

    def stream_finished(self, outcome: StreamOutcome) -> None:
        if outcome.error is not None:
            self._line(f"  {outcome.stream} [red]failed[/] {escape(outcome.error.message)}")
        elif outcome.overtaken is not None:
            self._line(f"  {outcome.stream} [yellow]{escape(outcome.overtaken)}[/]")
        elif outcome.result is not None:
            result = outcome.result
            refused = f", [yellow]{result.rows_quarantined:,} quarantined[/]" if result.rows_quarantined else ""
            self._line(f"  {outcome.stream} {result.rows_landed:,} rows landed{refused} in {result.seconds:.1f} s")

    def loaded(self, result: LoadResult) -> None:
        self._line(
            f"  {result.stream} {result.rows:,} rows of {len(result.commits)} versions in {result.seconds:.1f} s"
        )

    def dbt_started(self, node: NodeStarted) -> None:
        """Print nothing, because the event at the end has all facts."""

    def dbt_finished(self, node: NodeFinished) -> None:
        colour = _COLOURS.get(node.status, "red" if node.failed else "green")
        count = node.failures if node.warned else node.rows
        rows = f" {count:,} rows" if count is not None else ""
        kind = node.materialized if node.resource_type == "model" else node.resource_type
        self._line(f"  [{colour}]{node.status}[/] {kind} {escape(node.name)}{rows} in {node.seconds:.1f} s")

    def reconciled(self, reconciliation: Reconciliation) -> None:
        """Print nothing, because the table shows the reconciliation."""

    def published(self, publication: Publication) -> None:
        self._line(f"  {escape(publication.location)}")

    def _line(self, text: str) -> None:
        self._console.print(f"[dim]{monotonic() - self._started:6.1f}[/] {text}")


def print_report(report: RunReport) -> None:
    """Print the streams and the reconciliation as tables, and the outcome."""
    console = Console()
    _print_table(console, stream_rows(report), leave_out=("bytes", "files", "seconds", "watermark, UTC", "lag, s"))
    _print_table(console, reconciliation_rows(report.reconciliations), leave_out=_of_no_interest(report))
    left_out = not_compared(report.reconciliations)
    if left_out:
        console.print(f"Not compared with the source: {left_out}", soft_wrap=True)
    print_warnings(console, report)
    failed = sum(node.failed for node in report.nodes)
    if report.is_idle:
        console.print(NOTHING_TO_DO, soft_wrap=True)
    if report.nodes:
        console.print(f"dbt: {len(report.nodes)} nodes{of_what(report)}, {failed} failed")
    if report.publication is not None:
        console.print(f"Published: {report.publication.location}", soft_wrap=True)
    console.print(f"Run {report.run_id}: {'failed' if report.problems else 'completed'} in {report.seconds:.1f} s")


def print_warnings(console: Console, report: RunReport) -> None:
    """Print the run's own faults, then the oddities of the source that it found, one line for each kind."""
    for remark in report.remarks:
        console.print(f"[yellow]Warning[/] {escape(remark)}", soft_wrap=True)
    for row in warning_rows(report):
        console.print(
            f"[yellow]Warning[/] {escape(row['what'])} {row['rows']:,} rows, {escape(row['test'])}", soft_wrap=True
        )


def _of_no_interest(report: RunReport) -> list[str]:
    """Return the columns to hide, because they are shown only if they differ or are not zero."""
    items = report.reconciliations
    landed = [] if landed_rows_differ(items) else [*HISTORY]
    return landed if any(item.in_flight for item in items) else [*landed, "in flight"]


def _print_table(console: Console, rows: Sequence[dict[str, Any]], *, leave_out: Sequence[str] = ()) -> None:
    if not rows:
        return
    names = [name for name in rows[0] if name not in leave_out and any(row[name] != "" for row in rows)]
    table = Table(header_style="bold")
    for name in names:
        numeric = all(isinstance(row[name], int | float) or row[name] == "" for row in rows)
        table.add_column(name, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(f"{row[name]:,}" if isinstance(row[name], int) else escape(str(row[name])) for name in names))
    console.print(table)
