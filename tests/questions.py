"""docs/QUESTIONS.md: its SQL is run, and the results are written below it. `python -m tests.questions`

`make questions` builds the simulated world again, as does the test that compares the page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from tests.dbt.world.simulation import simulated_marts

PAGE = Path(__file__).parents[1] / "docs" / "QUESTIONS.md"

_QUESTION = re.compile(r"^## (?P<title>\d+\. .+?)\n(?P<text>.*?)^```sql\n(?P<sql>.*?)^```\n", re.MULTILINE | re.DOTALL)
_ANSWERED = re.compile(r"(^```sql\n(.*?)^```\n)(?:\n\|.*?\|\n(?=\n|\Z))?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Result:
    """A query's columns and rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def table(self) -> str:
        """Return the result in Markdown.

        Numbers are right-aligned, and those of one column have equally many decimals.
        """
        columns = [_column([row[place] for row in self.rows]) for place in range(len(self.columns))]
        rules = ["---:" if all(map(_is_number, column)) else "---" for column in zip(*self.rows, strict=True)]
        return "\n".join(f"| {' | '.join(line)} |" for line in (self.columns, rules, *zip(*columns, strict=True)))


@dataclass(frozen=True)
class Question:
    """A question of the page."""

    title: str
    sql: str


Ask = Callable[[str], Result]


def questions(page: str) -> Iterator[Question]:
    """Yield the questions, in order."""
    for found in _QUESTION.finditer(page):
        yield Question(found["title"], found["sql"])


def answered(page: str, ask: Ask) -> str:
    """Return the page with the results below its queries."""
    return _ANSWERED.sub(lambda found: f"{found[1]}\n{ask(found[2]).table()}\n", page)


@contextmanager
def asking(published: Path) -> Iterator[Ask]:
    """Yield a function that queries the published marts in that file, which has no other schema."""
    with duckdb.connect(str(published), read_only=True) as connection:

        def ask(sql: str) -> Result:
            done = connection.execute(sql)
            return Result([column[0] for column in done.description or ()], done.fetchall())

        yield ask


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _column(values: Sequence[object]) -> list[str]:
    digits = max((len(f"{value}".partition(".")[2]) for value in values if isinstance(value, float)), default=0)
    return [f"{value:,.{digits}f}" if isinstance(value, float) else _cell(value) for value in values]


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int() | Decimal():
            return f"{value:,}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
        case _:
            return str(value).replace("|", "\\|")


def main() -> None:
    """Write the page with new results."""
    with TemporaryDirectory() as folder, asking(simulated_marts(Path(folder))) as ask:
        PAGE.write_text(answered(PAGE.read_text(encoding="utf-8"), ask), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} is up to date\n")


if __name__ == "__main__":
    main()
