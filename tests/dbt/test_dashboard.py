"""The queries of the page over the marts: both warehouses read them; they read what dbt describes, in MART alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import pytest
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

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
    """Type by column by table of MART: what dbt builds, what the platform writes, the record of the publication."""
    record = publication_table("MART")
    return marts_described() | {record.name: {column.name: column.type.kind.value for column in record.columns}}


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
    # Snowflake's names are upper case: of both sides, so that no name is taken for another.
    schema = {
        (table.upper() if dialect == "snowflake" else table): {
            (column.upper() if dialect == "snowflake" else column): type_ for column, type_ in columns.items()
        }
        for table, columns in described().items()
    }
    qualify(parsed, dialect=dialect, schema=schema, validate_qualify_columns=True)


@pytest.mark.parametrize("name", sql.names())
def test_a_query_is_bounded(name: str) -> None:
    """By a limit, by being a total, or by the days of the period, of which about a hundred are drawn."""
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
