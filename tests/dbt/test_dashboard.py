"""The queries of the page over the marts: both warehouses read them; they read what dbt describes, in MART alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from analytics import sql
from analytics.metrics import METRICS
from orchestration.warehouse.publication import publication_table
from tests.analytics.marts import described as marts_described

REPOSITORY = Path(__file__).parents[2]
DAY = date(2028, 2, 29)
VALUES = {
    "first_day": DAY, "last_day": DAY, "cover_from": DAY, "closing_from": DAY, "currency": "EUR", "grain": "week",
    "product_id": 1,
    "every_campaign": 0, "campaigns": ("a", "b"), "every_category": 1, "categories": (), "every_country": 1,
    "countries": (), "every_warehouse": 0, "warehouses": ("w",), "run_id": "r",
}  # fmt: skip


@cache
def described() -> Mapping[str, Mapping[str, str]]:
    """Return type by column by table of MART: dbt's models, the platform's tables, the record of the publication."""
    record = publication_table("MART")
    return marts_described() | {record.name: {column.name: column.type.kind.value for column in record.columns}}


@cache
def schema_of(dialect: str) -> MappingSchema:
    """Return the described tables in sqlglot's form.

    On Snowflake both sides are in upper case, so that no name is mistaken for another.
    """
    case = str.upper if dialect == "snowflake" else str
    columns = {
        case(table): {case(column): type_ for column, type_ in columns.items()}
        for table, columns in described().items()
    }
    return MappingSchema(columns, dialect=dialect)


@pytest.mark.parametrize("dialect", ["duckdb", "snowflake"])
@pytest.mark.parametrize("name", sql.names())
def test_a_query_reads_what_dbt_describes_and_nothing_else(name: str, dialect: str) -> None:
    """Every table is a mart without a schema: the session's is MART. Every column is one that its mart has."""
    statement = sql.statement(name, VALUES)
    [parsed] = sqlglot.parse(statement.sql, read=dialect)

    assert isinstance(parsed, exp.Select)
    common = {cte.alias for cte in parsed.find_all(exp.CTE)}
    read = [table for table in parsed.find_all(exp.Table) if table.name.lower() not in common]
    assert {table.name.lower() for table in read} <= set(described())
    assert not [table.sql() for table in read if table.db or table.catalog]
    assert statement.sql.count("?") == len(statement.values)
    qualify(parsed, dialect=dialect, schema=schema_of(dialect), validate_qualify_columns=True)


@pytest.mark.parametrize("name", sql.names())
def test_a_query_is_bounded(name: str) -> None:
    """It is bounded by a limit, by being a total, or by the days of the period, of which about a hundred are drawn."""
    [parsed] = sqlglot.parse(sql.statement(name, VALUES).sql, read="duckdb")

    is_total = not parsed.args.get("group") and all(item.find(exp.AggFunc) for item in parsed.expressions)
    by_day = "drawn_on" in {item.alias_or_name for item in parsed.expressions}
    assert parsed.args.get("limit") or is_total or by_day


def test_a_value_is_never_part_of_the_text() -> None:
    text = "'; drop table fct_orders --"
    statement = sql.statement("order_totals", VALUES | {"currency": text, "campaigns": (text, text)})

    assert text not in statement.sql
    assert statement.values.count(text) == 3


def test_every_metric_is_asked_for_or_is_part_of_one_that_is() -> None:
    asked = "".join(path.read_text(encoding="utf-8") for path in sql.QUERIES.glob("*.sql"))
    shown = [metric for name, metric in METRICS.items() if f"{{{{ {name} }}}}" in asked]

    assert [
        name
        for name, metric in METRICS.items()
        if metric not in shown and not any(metric.expression in other.expression for other in shown)
    ] == []


def test_dbt_knows_which_marts_the_pages_read() -> None:
    file = REPOSITORY / "dbt" / "models" / "marts" / "_exposures.yml"
    exposures = {item["name"]: item for item in yaml.safe_load(file.read_text(encoding="utf-8"))["exposures"]}
    parsed = [sqlglot.parse_one(sql.statement(name, VALUES).sql, read="duckdb") for name in sql.names()]
    read = {table.name for tree in parsed for table in tree.find_all(exp.Table)} & set(described())

    written = {name for name in read if name.startswith("ops_") and name != "ops_freshness"}
    assert exposures["analytics_pages"]["depends_on"] == [
        f"source('ops', '{name}')" if name in written else f"ref('{name}')" for name in sorted(read - {"_publication"})
    ]


CHECKS = ("a check", 'an "odd" check', "another check")
RUNS = st.lists(
    st.dictionaries(st.sampled_from(CHECKS), st.sampled_from(["pass", "warn", "fail", "skipped"])),
    min_size=1,
    max_size=5,
)
NEWEST = datetime(2028, 2, 29, 12)  # noqa: DTZ001 - as the marts have moments
Shown = Callable[[list[Mapping[str, Any]]], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def shown_of() -> Iterator[Shown]:
    """Return a function that lists check results as Data quality does: node, status, and whether it was left
    out since.
    """
    columns = described()["ops_dbt_results"]
    with duckdb.connect() as connection:
        types = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
        connection.execute(f"create table ops_dbt_results ({types})")

        def ask(rows: list[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
            connection.execute("delete from ops_dbt_results")
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(f"insert into ops_dbt_results ({', '.join(row)}) values ({marks})", [*row.values()])
            listed = f"select node, status, is_left_out from ({sql.text('checks')}) as checks"
            return connection.execute(listed).fetchall()

        yield ask


@settings(max_examples=50, deadline=None)
@given(runs=RUNS)
def test_a_check_is_as_it_ran_last_whichever_run_that_was(shown_of: Shown, runs: list[dict[str, str]]) -> None:
    rows = [
        {"run_id": f"run {number}", "unique_id": node, "node": node, "resource_type": "test", "status": status,
         "ended_at": NEWEST + timedelta(minutes=15 * number)}
        for number, results in enumerate(runs)
        for node, status in results.items()
    ]  # fmt: skip
    expected = set()
    for node in CHECKS:
        said = [results[node] for results in runs if node in results]
        ran = [status for status in said if status != "skipped"]
        if said and (said[-1] == "skipped" or ran[-1] != "pass"):
            expected.add((node, ran[-1] if ran else "skipped", said[-1] == "skipped"))

    assert set(shown_of(rows)) == expected


def test_a_check_without_a_result_for_two_days_is_one_no_more(shown_of: Shown) -> None:
    common = {"run_id": "r", "resource_type": "test", "status": "fail"}
    rows = [
        common | {"unique_id": name, "node": name, "ended_at": NEWEST - timedelta(days=days)}
        for name, days in (("of today", 0), ("of yesterday", 1), ("removed", 3))
    ]

    assert {node for node, *_ in shown_of(rows)} == {"of today", "of yesterday"}
