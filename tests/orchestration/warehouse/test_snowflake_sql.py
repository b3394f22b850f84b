"""Tests of the Snowflake loader that need no account: its DDL, its COPY, and the reading of COPY's result."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from ingest.contracts.registry import PACKAGED, ContractRegistry
from ingest.contracts.types import Kind, LandingType
from ingest.errors import FatalError
from ingest.lake.commit import DataFile
from orchestration.warehouse.ddl import (
    Table,
    TableColumn,
    TypeChange,
    claim_table,
    compare,
    ledger_table,
    locks_table,
    stream_tables,
)
from orchestration.warehouse.snowflake.copy import copied_rows, copy_statement
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE, declared_type

TABLES = [
    *(table for contract in ContractRegistry.load(PACKAGED).values() for table in stream_tables(contract, "RAW")),
    ledger_table("RAW"),
    locks_table("RAW"),
    claim_table("things", "RAW"),
]
THINGS = Table("RAW", "things", ())
ANSWER = (
    "file", "status", "rows_parsed", "rows_loaded", "error_limit", "errors_seen", "first_error", "first_error_line",
    "first_error_character", "first_error_column_name",
)  # fmt: skip


def file(key: str, rows: int = 1) -> DataFile:
    return DataFile(key=key, rows=rows, bytes=1, sha256="0" * 64)


def answer(name: str, status: str = "LOADED", parsed: int = 1, loaded: int = 1) -> tuple[object, ...]:
    return (name, status, parsed, loaded, 1, 0, "a reason" if loaded != parsed else None, None, None, None)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_of_raw_is_one_that_snowflake_parses(table: Table) -> None:
    statement = sqlglot.parse_one(SNOWFLAKE.create_table(table), read="snowflake")

    assert isinstance(statement, exp.Create)
    assert [column.name for column in statement.find_all(exp.ColumnDef)] == [
        column.name.upper() for column in table.columns
    ]


@given(st.text(min_size=1, max_size=30))
def test_a_name_is_one_identifier_whatever_it_is_made_of(name: str) -> None:
    [identifier] = sqlglot.tokenize(SNOWFLAKE.quote(name), read="snowflake")
    # Letter by letter: one that has no one capital of its own stays.
    assert identifier.text == "".join(c.upper() if c.upper().lower() == c else c for c in name)


numbers = st.integers(1, 38).flatmap(lambda precision: st.tuples(st.just(precision), st.integers(0, precision)))


@given(numbers, numbers)
def test_a_number_widens_to_one_that_holds_its_largest_value(narrow: tuple[int, int], wide: tuple[int, int]) -> None:
    largest = Decimal((0, (9,) * narrow[0], -narrow[1]))
    holds = _fits(largest, *wide)
    spelt = [SNOWFLAKE.type(LandingType(Kind.DECIMAL, *number)) for number in (narrow, wide)]

    assert SNOWFLAKE.widens(*spelt) == holds
    assert not SNOWFLAKE.can_widen(*spelt) or (holds and narrow[1] == wide[1])


def _fits(value: Decimal, precision: int, scale: int) -> bool:
    digits = value.as_tuple()
    assert isinstance(digits.exponent, int)
    return -digits.exponent <= scale and len(digits.digits) + digits.exponent <= precision - scale


def test_an_account_s_default_lengths_are_no_difference() -> None:
    described = {"a": "VARCHAR(16777216)", "b": "BINARY(8388608)", "c": "TIMESTAMP_TZ(9)", "d": "TIMESTAMP_NTZ(6)"}
    table = Table(
        "RAW",
        "t",
        (
            TableColumn("a", LandingType(Kind.TEXT)),
            TableColumn("b", LandingType(Kind.BINARY)),
            TableColumn("c", LandingType(Kind.TIMESTAMPTZ)),
            TableColumn("d", LandingType(Kind.TIMESTAMP)),
        ),
    )
    actual = {name: declared_type(type_) for name, type_ in described.items()}
    assert compare(table, actual, SNOWFLAKE).incompatible == ()

    short = compare(table, {**actual, "a": declared_type("VARCHAR(20)")}, SNOWFLAKE)
    assert short.incompatible == (TypeChange("a", "VARCHAR(20)", "VARCHAR"),)


def test_copy_names_its_files_and_nothing_else() -> None:
    statement = copy_statement('"DB"."RAW"."THINGS"', '"DB"."RAW"."STG"', [file("inventory/it's.parquet"), file("b")])

    assert "FILES = ('inventory/it''s.parquet', 'b')" in statement
    assert "ON_ERROR = ABORT_STATEMENT" in statement
    assert "PATTERN" not in statement
    assert isinstance(sqlglot.parse_one(statement, read="snowflake"), exp.Copy)


def test_files_are_known_by_path_or_by_url() -> None:
    files = [file("inventory/things/1.parquet", 2), file("inventory/things/2.parquet", 3)]
    rows = [
        answer("inventory/things/1.parquet", parsed=2, loaded=2),
        answer("s3://bucket/inventory/things/2.parquet", parsed=3, loaded=3),
    ]
    assert copied_rows(THINGS, files, ANSWER, rows) == {files[0].key: 2, files[1].key: 3}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([answer("a")], "COPY returned no row for b"),
        ([answer("a"), answer("b", "PARTIALLY_LOADED", 5, 4)], "b was loaded as PARTIALLY_LOADED, 4 of 5 rows"),
        ([answer("a"), answer("b"), answer("c")], "COPY loaded c, which it was not asked for"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_account_for_every_file_is_refused(rows: list[tuple[object, ...]], told: str) -> None:
    with pytest.raises(FatalError, match=told):
        copied_rows(THINGS, [file("a"), file("b")], ANSWER, rows)


def test_copy_that_had_nothing_to_do_is_refused() -> None:
    with pytest.raises(FatalError, match="COPY loaded none of 1 files: Copy executed with 0 files processed"):
        copied_rows(THINGS, [file("a")], ("status",), [("Copy executed with 0 files processed.",)])
