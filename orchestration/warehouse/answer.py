"""The result of an SQL query, shown as a table, as records, or as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from common.foreign_text import spelt
from orchestration.warehouse.protocol import Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_ANY_WIDTH = 100_000


@dataclass(frozen=True)
class Answer:
    """A query's result: its column names, whether each is a number, its first rows, and whether there are more."""

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[Row, ...]
    more: bool


def print_answer(answer: Answer, *, console: Console | None = None) -> None:
    """Print the result on standard output as a table. If a terminal is too narrow, print one record for each row.

    Output that is no terminal has no limit of width.
    """
    from rich.console import Console

    console = console or Console()
    table = _table(answer)
    width = console.measure(table, options=console.options.update(width=_ANY_WIDTH)).maximum
    if not console.is_terminal:
        console.width = max(console.width, width)
    if width <= console.width or len(answer.columns) == 1:
        console.print(table)
    else:
        for number, row in enumerate(answer.rows, start=1):
            console.rule(f"row {number}", align="left", style="dim")
            console.print(_record(answer.columns, row))
    if answer.more:
        console.print(f"[dim]The first {len(answer.rows)} rows; --limit 0 shows all.[/]")


def _table(answer: Answer) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    for name, numeric in zip(answer.columns, answer.numeric, strict=True):
        table.add_column(Text(spelt(name)), justify="right" if numeric else "left", overflow="fold")
    for row in answer.rows:
        table.add_row(*map(_cell, row))
    return table


def _record(columns: Sequence[str], row: Row) -> Table:
    from rich.table import Table
    from rich.text import Text

    record = Table.grid(padding=(0, 2))
    record.add_column(style="bold", no_wrap=True)
    record.add_column(overflow="fold")
    for name, value in zip(columns, row, strict=True):
        record.add_row(Text(spelt(name)), _cell(value))
    return record


def _cell(value: object) -> Text:
    from rich.text import Text

    return Text("null", style="dim") if value is None else Text(spelt(_shown(value)))


def write_csv(answer: Answer) -> None:
    """Write the result as CSV to standard output. On a terminal, control characters are escaped."""
    told = spelt if sys.stdout.isatty() else str
    writer = csv.writer(sys.stdout)
    writer.writerow([told(name) for name in answer.columns])
    writer.writerows(["" if value is None else told(_shown(value)) for value in row] for row in answer.rows)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return moment.isoformat(sep=" ").removesuffix("+00:00")
    return str(value)
