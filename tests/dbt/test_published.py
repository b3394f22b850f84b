"""The data that readers get of a built warehouse: its marts, without any address or name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.settings import LakeSettings
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.dbt.running.raw_database import RawDatabase
from tests.personal_data import traces


@pytest.fixture(scope="module")
def warehouse(built: RawDatabase, tmp_path_factory: pytest.TempPathFactory) -> DuckDBWarehouse:
    """A copy of the built warehouse, published."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copy(built.path, folder)
    warehouse = DuckDBWarehouse(folder, built.path.stem, LakeSettings(bucket="none"))
    warehouse.publish("run")
    return warehouse


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_no_address_and_no_name_of_the_shop_is_in_what_is_published(warehouse: DuckDBWarehouse) -> None:
    """No customer's, no recipient's of the provider, none in a link or in a bounce's text."""
    customers = ask(warehouse.path, "select email, full_name from RAW.customers")
    payloads = ask(warehouse.path, "select payload from RAW.email_events")
    people = {text for row in customers for text in row} | {json.loads(text)["recipient"] for (text,) in payloads}

    assert len(people) > 20
    assert {line.split(":")[0] for line in traces(warehouse.path, people)} > {"bytes", "customers.email"}
    assert traces(warehouse.published_path, people) == []


def test_every_mart_is_published_as_a_table_with_its_rows_and_its_columns(warehouse: DuckDBWarehouse) -> None:
    columns = (
        "select table_name, column_name, data_type, is_nullable from duckdb_columns() "
        "where schema_name = 'MART' order by table_name, column_index"
    )
    built, published = ask(warehouse.path, columns), ask(warehouse.published_path, columns)
    marts = {row[0] for row in built}

    assert published == built
    assert {row[3] for row in published} == {True, False}
    assert ask(warehouse.published_path, "select distinct schema_name from duckdb_tables()") == [("MART",)]
    for mart in marts:
        rows = f"select * from MART.{mart} order by all"
        assert ask(warehouse.published_path, rows) == ask(warehouse.path, rows), mart
