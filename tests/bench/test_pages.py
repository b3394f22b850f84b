"""The marts that pages are measured on: every query of a page finds something in them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from analytics import sql
from analytics.settings import Settings
from analytics.warehouse.duckdb_file import DuckDBFile
from bench.marts import write_marts
from tests.dbt.test_dashboard import VALUES

LAST_DAY = date(2027, 12, 31)


def test_every_query_finds_something_in_the_marts_that_are_measured(tmp_path: Path) -> None:
    write_marts(tmp_path, events=6_000)
    source = DuckDBFile(Settings.of({"WAREHOUSE_DIR": str(tmp_path)}))
    values = VALUES | {
        "first_day": LAST_DAY - timedelta(days=364), "last_day": LAST_DAY, "cover_from": LAST_DAY - timedelta(days=27),
        "closing_from": LAST_DAY - timedelta(days=6),
        "every_campaign": 1, "campaigns": (), "every_warehouse": 1, "warehouses": (), "run_id": "run-29",
    }  # fmt: skip
    month_ago = datetime.now(UTC).date() - timedelta(days=29)
    empty = []
    with source.session(source.publication_id()) as session:
        for name in sql.names():
            of_runs = "ops_" in sql.text(name)
            asked = sql.statement(name, values | ({"first_day": month_ago} if of_runs else {}))
            if not session.query(asked.sql, asked.values).rows:
                empty.append(name)

    assert empty == []
