"""The tables at the end of the demo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from local.demo.answers import (
    CHANGED_PRODUCT,
    QUESTIONS,
    MartTable,
    Question,
    marts,
    price_history,
)
from orchestration.reconcile.comparison import Reconciliation
from orchestration.report import RunReport
from orchestration.warehouse.answer import Answer
from postgres.activity import ActivityReport


@dataclass(frozen=True)
class StreamLine:
    """The outcome of one stream in one run."""

    landed: int
    loaded: int
    quarantined: int


def stream_lines(report: RunReport) -> dict[str, StreamLine]:
    """Return a run's outcome, by stream."""
    loaded = {load.stream: load.rows for load in report.loads}
    return {
        outcome.stream: StreamLine(
            outcome.result.rows_landed, loaded.get(outcome.stream, 0), outcome.result.rows_quarantined
        )
        for outcome in report.streams
        if outcome.result is not None
    }


def print_runs(console: Console, first: RunReport, second: RunReport) -> None:
    """Print the rows landed, loaded and quarantined in both runs, by stream."""
    table = _table("Stream")
    for title in ("run 1\nlanded", "\nloaded", "\nquarantined", "run 2\nlanded", "\nloaded", "\nquarantined"):
        table.add_column(title, justify="right")
    before, after = stream_lines(first), stream_lines(second)
    nothing = StreamLine(0, 0, 0)
    for stream in sorted(before.keys() | after.keys()):
        one, two = before.get(stream, nothing), after.get(stream, nothing)
        numbers = (one.landed, one.loaded, one.quarantined, two.landed, two.loaded, two.quarantined)
        table.add_row(stream, *map(_count, numbers))
    _print(console, "What the two runs did, in rows", table)


def print_reconciliation(
    console: Console, after: Sequence[Reconciliation], *, before: Sequence[Reconciliation]
) -> None:
    """Print the counts that must be equal, by stream, after the second run, and a line on whether they were equal
    before.
    """
    table = _table("Stream")
    for column in ("source", "refused", "lake", "RAW", "staging"):
        table.add_column(column, justify="right")
    table.add_column("")
    for item in sorted(after, key=lambda item: item.stream):
        verdict = "[green]equal[/]" if item.equal else f"[bold red]{escape('; '.join(item.differences))}[/]"
        numbers = (item.source, item.refused, item.lake, item.raw, item.staging)
        table.add_row(item.stream, *map(_count, numbers), f"{verdict} [dim]{escape(item.note)}[/]")
    equal = sum(item.equal for item in before)
    reading = f"Source less refused records = lake = RAW = staging. After run 1: equal for {equal} of {len(before)}."
    _print(console, "Reconciliation after run 2, in rows", table, reading)


def print_warnings(console: Console, report: RunReport) -> None:
    """Print the source's oddities that the run found.

    They are landed and published unchanged. Print nothing if there are none.
    """
    if not report.warnings:
        return
    table = _table("Rows")
    table.add_column("")
    for node in report.warnings:
        table.add_row(f"{node.failures or 0:,}", escape(f"{node.description or node.message} {node.name}"))
    _print(console, "Warnings of run 2", table, "Landed as they are, and published.")


def print_marts(console: Console, tables: Sequence[MartTable]) -> None:
    """Print the marts and their rows."""
    table = _table("Table")
    table.add_column("rows", justify="right")
    for mart in tables:
        table.add_row(mart.name, f"{mart.rows:,}")
    _print(console, "The marts", table)


def print_answer(console: Console, question: Question, answer: Answer) -> None:
    """Print one question's answer, and how to read it."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name, numeric in zip(answer.columns, answer.numeric, strict=True):
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left")
    for row in answer.rows:
        table.add_row(*(Text(_shown(value)) for value in row))
    _print(console, question.words, table, question.reading)


def print_answers(console: Console, ask: Callable[[str], Answer]) -> None:
    """Print the marts, the answers to the demo's questions, and one product's history."""
    print_marts(console, marts(ask))
    for question in QUESTIONS:
        print_answer(console, question, ask(question.sql))
    changed = ask(CHANGED_PRODUCT.sql)
    for product_id, name in changed.rows:
        history = price_history(int(str(product_id)), str(name))
        print_answer(console, history, ask(history.sql))


def day_in_words(report: ActivityReport) -> Sequence[str]:
    """Return the shop's activity between the runs, a line for each kind."""
    return (
        f"Orders     {report.orders_placed} placed, {report.orders_shipped} shipped, "
        f"{report.orders_delivered} delivered, {report.orders_cancelled} cancelled",
        f"Stock      {report.restocks} restocks, {report.adjustments} adjustments",
        f"Products   {len(report.prices_changed)} prices changed, {len(report.products_discontinued)} discontinued, "
        f"{len(report.products_deleted)} deleted",
        f"Customers  {report.customers_signed_up} signed up, {len(report.customers_erased)} erased",
    )


def _table(first: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    return table


def _print(console: Console, title: str, table: Table, reading: str = "") -> None:
    console.print(f"\n[bold]{escape(title)}[/]\n", soft_wrap=True)
    console.print(table)
    if reading:
        console.print(f"[dim]{escape(reading)}[/]", soft_wrap=True)


def _count(number: int | None) -> str:
    if number is None:
        return "-"
    return f"{number:,}" if number else "·"


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            moment = value.astimezone(UTC) if value.tzinfo else value
            return f"{moment:%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
        case bool():
            return "yes" if value else "no"
        case int() | float() | Decimal():
            return f"{value:,}"
    return str(value)
