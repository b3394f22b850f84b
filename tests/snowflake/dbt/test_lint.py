"""Every statement of loader and dbt is valid in Snowflake, by two parsers other than the emulated account's."""

from __future__ import annotations

import logging
import re

import pytest

from tests.snowflake.dbt.snowflake_grammar import (
    SQLFLUFF_PYTHON,
    one_of_each_shape,
    refused_by_sqlfluff,
    refused_by_sqlglot,
)

ASKS_COLUMNS = re.compile(r"where false\s+limit 0")


@pytest.fixture
def distinct(statements: tuple[str, ...]) -> list[str]:
    """The statements, one of each shape, with a value for each placeholder of the loader's.

    Not those by which dbt asks for the columns of a query that it sends in another statement too.
    """
    dbts = {statement for statement in statements if '"app": "dbt"' in statement}
    loaders = {re.sub(r"\?", "1", statement) for statement in statements if statement not in dbts}
    dbts = {statement for statement in dbts if not ASKS_COLUMNS.search(statement)}
    assert len(dbts) > 300
    assert len(loaders) > 50
    return one_of_each_shape(dbts | loaders)


@pytest.mark.skipif(not SQLFLUFF_PYTHON.exists(), reason="there is no .venv-sqlfluff (requirements/sqlfluff.txt)")
def test_every_statement_parses_under_sqlfluffs_snowflake_dialect(distinct: list[str]) -> None:
    assert refused_by_sqlfluff(distinct) == {}


def test_every_statement_uses_functions_that_snowflake_has(
    distinct: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="sqlglot")
    reasons = {statement: refused_by_sqlglot(statement, commands=True) for statement in distinct}
    assert {statement: reason for statement, reason in reasons.items() if reason} == {}
