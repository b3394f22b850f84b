"""The questions of docs/QUESTIONS.md get the same answers from Snowflake's marts as from DuckDB's."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from orchestration.warehouse.protocol import Purpose, Warehouse
from tests.questions import PAGE, Question, questions
from tests.snowflake.dbt.history import History

QUESTIONS = list(questions(PAGE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.title)
def test_both_warehouses_give_the_same_answer(history: History, question: Question) -> None:
    of_duckdb = answer(history.two.duckdb.warehouse, question.sql)
    of_snowflake = answer(history.two.snowflake.warehouse, question.sql)
    assert len(of_snowflake) == len(of_duckdb)
    for mine, yours in zip(of_duckdb, of_snowflake, strict=True):
        assert yours == pytest.approx(mine, abs=0.1)


def answer(warehouse: Warehouse, sql: str) -> list[list[object]]:
    """Return the rows with numbers as floats. Rows that are equal but for their position are in the same order."""
    with warehouse.connect(Purpose.AUDIT) as session:
        return sorted(([plain(value) for value in row] for row in session.query(sql)), key=comparable)


def plain(value: object) -> object:
    return float(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def comparable(row: Sequence[object]) -> list[str]:
    return [f"{value:020.0f}" if isinstance(value, float) else str(value) for value in row]
