"""One list of columns, and one spelling of types for each warehouse."""

from __future__ import annotations

from dataclasses import fields

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.contracts.model import META_COLUMNS
from ingest.contracts.registry import ContractRegistry
from ingest.contracts.types import Kind, LandingType
from ingest.lake.batch import QUARANTINE_SCHEMA
from orchestration.warehouse import ddl
from orchestration.warehouse.duckdb.dialect import DIALECT
from orchestration.warehouse.duckdb.lake_reader import open_duckdb
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.ledger import LedgerEntry


def test_every_kind_has_a_type_and_the_catalog_prints_it_so() -> None:
    types = [LandingType(kind) for kind in Kind if kind is not Kind.DECIMAL] + [LandingType(Kind.DECIMAL, 38, 9)]
    table = ddl.Table("main", "t", tuple(ddl.TableColumn(f"c{at}", type_) for at, type_ in enumerate(types)))
    with open_duckdb(None) as connection:
        connection.execute(DIALECT.create_table(table))
        printed = [row[1] for row in connection.execute("describe t").fetchall()]
    assert printed == [DIALECT.type(type_) for type_ in types]


def test_parquet_s_types_are_the_tables_types() -> None:
    """DuckDB reads what ingest writes as exactly the type that the table has."""
    types = [LandingType(kind) for kind in Kind if kind is not Kind.DECIMAL] + [LandingType(Kind.DECIMAL, 12, 2)]
    landed = pa.table({f"c{at}": pa.array([], type_.arrow) for at, type_ in enumerate(types)})
    with open_duckdb(None) as connection:
        connection.register("landed", landed)
        read = [row[1] for row in connection.execute("describe select * from landed").fetchall()]
    assert read == [DIALECT.type(type_) for type_ in types]


def test_the_meta_columns_are_ingest_s() -> None:
    assert tuple(column.name for column in ddl.META_COLUMNS) == META_COLUMNS
    shared = {field.name: field.type for field in QUARANTINE_SCHEMA if field.name in META_COLUMNS}
    assert {column.name: column.type.arrow for column in ddl.META_COLUMNS if column.name in shared} == shared


def test_the_ledger_s_entry_is_its_table() -> None:
    assert [column.name for column in ddl.ledger_table("RAW").columns] == [field.name for field in fields(LedgerEntry)]


@pytest.mark.parametrize("stream", list(ContractRegistry.load()))
def test_the_packaged_contracts_have_tables(stream: str) -> None:
    contract = ContractRegistry.load()[stream]
    with open_duckdb(None) as connection:
        connection.execute(DIALECT.create_schema("RAW"))
        for table in ddl.stream_tables(contract, "RAW"):
            connection.execute(DIALECT.create_table(table))
            connection.execute(DIALECT.create_table(table))
        names = [row[0] for row in connection.execute("select table_name from duckdb_tables() order by 1").fetchall()]
    assert names == [stream, *([f"{stream}__deletes"] if contract.lands_keys else [])]


_SHARED = open_duckdb(None)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_any_name_can_be_quoted(name: str) -> None:
    table = ddl.Table("main", f"t {name}", (ddl.TableColumn(name, LandingType(Kind.INT64)),))
    _SHARED.execute(DIALECT.create_table(table))
    _SHARED.execute(DIALECT.add_column(table, ddl.TableColumn(f"{name} more", LandingType(Kind.TEXT))))
    found = _SHARED.execute(
        "select table_name, column_name from duckdb_columns() where table_name like 't %'"
    ).fetchall()
    _SHARED.execute(f"drop table {DIALECT.table(table)}")
    assert found == [(f"t {name}", name), (f"t {name}", f"{name} more")]


def test_a_table_is_found_whatever_its_case(warehouse: DuckDBWarehouse) -> None:
    with warehouse.connect() as session:
        session.execute('create schema "raw"')
        session.execute("create table raw.Things (Id bigint)")
        assert session.columns(ddl.Table("RAW", "things", ())) == {"Id": "BIGINT"}
        assert session.columns(ddl.Table("RAW", "other", ())) == {}
