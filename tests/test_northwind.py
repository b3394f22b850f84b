"""A database that this project did not write, from its catalog to the warehouse, compared value by value.

Northwind for PostgreSQL (14 tables, Ms-PL, github.com/pthom/northwind_psql) is not part of this repository: name a
copy of its `northwind.sql` in NORTHWIND_SQL.
"""

from __future__ import annotations

import datetime as dt
import os
import struct
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from ingest.contracts.model import Column, StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.contracts.types import Kind
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader, load_streams

NORTHWIND = Path(os.environ["NORTHWIND_SQL"]) if os.environ.get("NORTHWIND_SQL") else None

pytestmark = pytest.mark.skipif(
    NORTHWIND is None or not NORTHWIND.is_file(), reason="NORTHWIND_SQL names no copy of northwind.sql"
)


@pytest.fixture
def northwind(empty_database: str) -> str:
    assert NORTHWIND is not None
    with closing(psycopg2.connect(empty_database)) as connection, connection.cursor() as cursor:
        cursor.execute(NORTHWIND.read_text(encoding="utf-8"))
        connection.commit()
    return empty_database


def ingest(dsn: str, lake: LakeSettings, contracts: Path, *arguments: str) -> str:
    """Run the command, as a user does."""
    environment = os.environ | {
        "POSTGRES_DSN": dsn,
        "RAW_BUCKET": lake.bucket,
        "AWS_ENDPOINT_URL": lake.endpoint_url or "",
        "CONTRACTS_DIR": str(contracts),
    }
    done = subprocess.run(
        [sys.executable, "-m", "ingest", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_table_arrives_value_by_value(northwind: str, lake_settings: LakeSettings, tmp_path: Path) -> None:
    folder = tmp_path / "contracts"
    with closing(psycopg2.connect(northwind)) as connection, connection.cursor() as cursor:
        cursor.execute("select 'public.' || tablename from pg_tables where schemaname = 'public' order by 1")
        tables = [row[0] for row in cursor.fetchall()]
    ingest(northwind, lake_settings, folder, "contract", "new", *tables)
    ingest(northwind, lake_settings, folder, "contract", "check")
    ingest(northwind, lake_settings, folder, "run", "--all")

    contracts = ContractRegistry.load(folder)
    warehouse = DuckDBWarehouse(tmp_path / "warehouse", "NORTHWIND_DB", lake_settings)
    loader = Loader(ObjectStore(lake_settings), "RAW", run_id="test")
    with warehouse.connect() as session:
        chosen = list(contracts.values())
        loader.prepare(session, chosen)
        outcomes = load_streams(loader, session, chosen, concurrency=2)
        assert [outcome.error for outcome in outcomes] == [None] * 14
        for contract in chosen:
            columns = ", ".join(f'"{column.name}"' for column in contract.columns)
            loaded = session.query(f'select {columns} from RAW."{contract.stream}"')
            source = _source(northwind, contract.source_object)
            assert Counter(_plain(row, contract) for row in loaded) == Counter(_plain(row, contract) for row in source)


def _source(dsn: str, table: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("select * from {}").format(sql.Identifier(*table.split(".", 1))))
        return cursor.fetchall()


def _plain(row: tuple[Any, ...], contract: StreamContract) -> tuple[Any, ...]:
    """Return a row in comparable form: bytes as bytes, and a `real` as its 32 bits."""
    return tuple(_comparable(value, column) for value, column in zip(row, contract.columns, strict=True))


def _comparable(value: Any, column: Column) -> Any:
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if isinstance(value, float) and column.landing.kind is Kind.FLOAT32:
        return struct.pack("f", value)
    return value


def test_dates_and_money_are_among_what_is_compared(northwind: str) -> None:
    """The comparison above would prove little on a database of text alone."""
    kinds = {type(value) for row in _source(northwind, "public.orders") for value in row}
    assert {int, float, str, dt.date} <= kinds
