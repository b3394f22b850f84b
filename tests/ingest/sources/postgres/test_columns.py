"""Every value lands as Postgres holds it, or its row is refused: nothing is rounded, cut or guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import psycopg2.extras
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from ingest.contracts.model import StreamContract
from ingest.contracts.parse import parse_contract
from ingest.errors import QuarantineRatioError
from ingest.lake.commit import CommitKind
from ingest.lake.log import CommitLog
from tests.ingest.run.world import World
from tests.ingest.values import draft_of, drafted, landed, read_source

# type, a literal of an ordinary value, and literals of values at its edges
TYPES: list[tuple[str, str, list[str]]] = [
    ("boolean", "true", ["false"]),
    ("smallint", "7", ["-32768", "32767"]),
    ("integer", "7", ["-2147483648", "2147483647"]),
    ("bigint", "7", ["-9223372036854775808", "9223372036854775807"]),
    ("real", "1.5", ["'NaN'", "'Infinity'", "'-Infinity'", "1e-40", "3.4028235e38", "'-0'"]),
    ("double precision", "0.1", ["'NaN'", "'-Infinity'", "5e-324", "1.7976931348623157e308", "'-0'"]),
    ("numeric(12,2)", "19.99", ["-9999999999.99", "9999999999.99", "0.00", "1.005"]),
    ("numeric(38,10)", "1", ["9999999999999999999999999999.9999999999", "-0.0000000001"]),
    ("numeric(5)", "42", ["-99999"]),
    ("numeric", "1.10", ["'NaN'", "'-Infinity'", "1e100", "0.000000000000000000000000000000000000000000001"]),
    ("numeric(50,20)", "1", ["123456789012345678901234567890.00000000000000000001"]),
    ("numeric(5,-2)", "12300", ["-9999900"]),
    ("date", "'2026-02-28'", ["'0001-01-01'", "'9999-12-31'", "'1582-10-10'", "'1969-12-31'"]),
    (
        "timestamp",
        "'2026-03-29 02:30'",
        ["'0001-01-01'", "'9999-12-31 23:59:59.999999'", "'1969-12-31 23:59:59.999999'"],
    ),
    (
        "timestamptz",
        "'2026-03-29 02:30:00.000001+05:45'",
        ["'0001-01-01 00:00:00+00'", "'9999-12-31 23:59:59.999999+00'", "'1900-01-01 00:00+00'"],
    ),
    ("timestamptz(0)", "'2026-01-01 00:00:00.6+00'", []),
    ("text", "'plain'", ["''", "E'tab\\tnewline\\n\\\\N'", "'\U0001f6d2 \u00e9 e\u0301'", "repeat('x', 3000000)"]),
    ("varchar(20)", "'padded  '", ["'NULL'"]),
    ("char(5)", "'ab'", ["''", "'abcde'"]),
    ("bytea", "'\\x00ff10'", ["''", "decode(repeat('00', 70000), 'hex')"]),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", []),
    ("json", '\'{"b": 1,  "a": [1.10, null]}\'', ["'null'", "'\"\\u00e9\"'", "'1e400'"]),
    ("jsonb", '\'{"b": 1,  "a": [1.10, null]}\'', ["'null'", "'12345678901234567890.123456789'"]),
    ("xml", "'<a>1</a>'", []),
    ("interval", "'1 year 2 months 3 days 04:05:06.000007'", ["'-178000000 years'", "'-1 day +02:03'"]),
    ("interval day to second(3)", "'3 days 04:05:06.789'", []),
    ("money", "'$1,234.50'", ["'-92233720368547758.08'"]),
    ("time", "'12:34:56.000001'", ["'24:00:00'", "'00:00'"]),
    ("timetz", "'12:34:56+05:30'", ["'24:00:00-12'"]),
    ("bit(3)", "B'101'", []),
    ("bit varying", "B''", ["B'0110'"]),
    ("inet", "'10.0.0.1/8'", ["'::ffff:1.2.3.4'"]),
    ("cidr", "'10.0.0.0/8'", []),
    ("macaddr", "'08:00:2B:01:02:03'", []),
    ("point", "'(1.5,-2)'", []),
    ("box", "'(2,2),(0,0)'", []),
    ("polygon", "'((0,0),(1,1),(1,0))'", []),
    ("tsvector", "'a fat cat'", []),
    ("tsquery", "'fat & !cat'", []),
    ("int4range", "'[1,5)'", ["'empty'", "'(,)'"]),
    ("tstzrange", "'[2026-01-01 00:00+05, infinity)'", []),
    ("datemultirange", "'{[2026-01-01,2026-02-01)}'", ["'{}'"]),
    ("oid", "26", ["4294967295"]),
    ("pg_lsn", "'16/B374D848'", []),
    ("regclass", "'pg_class'", []),
    ('"char"', "'x'", ["''"]),
    ("name", "'n'", []),
    ("jsonpath", "'$.a[*]'", []),
    ("integer[]", "'{1,NULL,3}'", ["'{}'", "'{{1,2},{3,4}}'", "'[0:1]={1,2}'"]),
    ("text[]", "ARRAY['a', 'NULL', NULL, '', 'quo\"te', 'com,ma', E'back\\\\slash']", []),
    ("timestamptz[]", "ARRAY[timestamptz '2026-01-01 00:00+05', 'infinity']", []),
    ("numeric(12,2)[]", "'{1.50,NaN}'", []),
    ("char(3)[]", "'{a,b}'", []),
    ("bytea[]", "ARRAY['\\x00ff'::bytea]", []),
    ("jsonb[]", "ARRAY['{\"a\": 1}'::jsonb]", []),
]


def with_ratio(contract: StreamContract, ratio: float) -> StreamContract:
    return replace(contract, spec=contract.spec.model_copy(update={"max_quarantine_ratio": ratio}))


@pytest.fixture
def everything(source_world: World) -> World:
    """A table with a column of each type: ordinary values, nulls, and a row for each boundary value."""
    columns = ", ".join(f"c{at} {name}" for at, (name, _, _) in enumerate(TYPES))
    source_world.execute(f"create table everything (id integer primary key, {columns})")
    ordinary = ", ".join(literal for _, literal, _ in TYPES)
    source_world.execute(f"insert into everything values (1, {ordinary})")
    source_world.execute("insert into everything (id) values (2)")
    row = 2
    for at, (_, _, edges) in enumerate(TYPES):
        for literal in edges:
            row += 1
            source_world.execute(f"insert into everything (id, c{at}) values ({row}, {literal})")
    return source_world


def test_every_type_lands_value_by_value_as_psycopg2_reads_it(everything: World) -> None:
    contract = everything.contract("everything")
    result = everything.run(contract)

    source = read_source(everything, contract)
    lake = landed(everything, contract)
    assert result.rows_landed == len(source) == 2 + sum(len(edges) for _, _, edges in TYPES)
    for at, column in enumerate(contract.columns):
        got = [row[column.name] for row in lake]
        expected = [row[column.name] for row in source]
        assert got == expected, f"{column.name}: {TYPES[at - 1][0] if at else 'key'}"
    assert result.rows_quarantined == 0


def test_what_is_printed_does_not_depend_on_the_servers_settings(everything: World, empty_database: str) -> None:
    contract = everything.contract("everything")
    everything.run(contract)
    plainly = landed(everything, contract)
    name = empty_database.rpartition("/")[2]
    everything.execute(
        f"alter database {name} set timezone = 'Asia/Kolkata'; alter database {name} set datestyle = 'SQL, DMY';"
        f"alter database {name} set intervalstyle = 'iso_8601'; alter database {name} set bytea_output = 'escape';"
        f"alter database {name} set extra_float_digits = 0; alter database {name} set search_path = 'pg_catalog';"
        "update everything set c0 = true where id = 2"
    )
    everything.run(contract)
    assert [row for row in landed(everything, contract) if row["id"] != 2] == [row for row in plainly if row["id"] != 2]


def test_padding_midnight_and_intervals_are_kept(source_world: World) -> None:
    source_world.execute(
        "create table t (id int primary key, padded char(5), midnight time, span interval);"
        "insert into t values (1, 'ab', '24:00:00', '14 months -3 days 00:00:01.5')"
    )
    contract = source_world.contract("t")
    source_world.run(contract)
    assert landed(source_world, contract) == [
        {"id": 1, "padded": "ab   ", "midnight": "24:00:00", "span": "1 year 2 mons -3 days +00:00:01.5"}
    ]


def test_an_empty_table_lands_as_an_empty_set_once(source_world: World) -> None:
    source_world.execute("create table t (id int primary key, value text)")
    contract = source_world.contract("t")
    first, second = source_world.run(contract), source_world.run(contract)
    assert [(commit.kind, commit.rows, commit.files) for commit in first.commits] == [(CommitKind.SNAPSHOT, 0, ())]
    assert second.commits == ()


def test_a_table_of_keys_alone_lands(source_world: World) -> None:
    source_world.execute("create table pairs (a int, b text, primary key (b, a)); insert into pairs values (1, 'x')")
    contract = source_world.contract("pairs")
    source_world.run(contract)
    assert contract.key == ("b", "a")
    assert landed(source_world, contract) == [{"a": 1, "b": "x"}]


ODD_NAMES = [
    "UPPER",
    "with space",
    'quo"te',
    "apo'strophe",
    "Größe",
    "数量",
    "dot.ted",
    "per%cent",
    "per%scent",
    "semi;colon--",
    "back\\slash",
    "{brace}",
    "select",
    "1st",
    "tab\there",
]


@pytest.mark.parametrize(
    ("table", "incremental"), [("Odd Table", True), ('quo"te.d', False), ("tablé", True), ("per%s{}", True)]
)
def test_names_of_any_kind_are_read(table: str, incremental: bool, source_world: World) -> None:
    quoted = [sql.Identifier(name).as_string(source_world.connection) for name in ODD_NAMES]
    name = sql.Identifier("Odd Schema", table).as_string(source_world.connection)
    columns = ", ".join(f"{column} numeric(5,2)" for column in quoted)
    source_world.execute(
        f"""create schema "Odd Schema"; create table {name}
        ("The Id" int primary key, {columns}, "Updated At" timestamptz not null default now())"""
    )
    source_world.execute(f"insert into {name} select n, {', '.join(['n'] * len(quoted))} from generate_series(1, 3) n")
    source_world.execute(f"insert into {name} (\"The Id\", {quoted[0]}) values (4, 'NaN')")
    contract = with_ratio(drafted(source_world, f"Odd Schema.{table}"), 0.5)
    if incremental:
        spec = {"mode": "incremental", "cursor": "Updated At", "deletes": "keys"}
        contract = replace(contract, spec=contract.spec.model_validate(contract.spec.model_dump() | spec))

    result = source_world.run(contract, keys=True, count=True)

    assert (result.rows_landed, result.rows_quarantined) == (3, 1)
    assert landed(source_world, contract) == read_source(source_world, contract)[:3]
    if incremental:
        marks = [commit.key_set for commit in source_world.commits(contract) if commit.key_set]
        assert [mark.rows for mark in marks] == [4]
        source_world.execute(f'delete from {name} where "The Id" in (2, 4)')
        source_world.run(contract)
        assert set(source_world.deleted(contract)) == {(2,), (4,)}


NO_DECIMAL = "a decimal holds no NaN or infinity"
NO_YEAR = "outside the years 1 to 9999"
UNREPRESENTABLE = [
    ("numeric(12,2)", "'NaN'", NO_DECIMAL),
    ("date", "'infinity'", NO_YEAR),
    ("date", "'-infinity'", NO_YEAR),
    ("date", "'0044-03-15 BC'", NO_YEAR),
    ("date", "'10000-01-01'", NO_YEAR),
    ("timestamp", "'infinity'", NO_YEAR),
    ("timestamp", "'0001-12-31 23:59:59.999999 BC'", NO_YEAR),
    ("timestamp", "'294276-12-31 23:59:59.999999'", NO_YEAR),
    ("timestamptz", "'-infinity'", NO_YEAR),
    ("timestamptz", "'infinity'", NO_YEAR),
    ("timestamptz", "'4713-01-01 00:00:00+00 BC'", NO_YEAR),
    ("timestamptz", "'10000-01-01 00:00:00+00'", NO_YEAR),
]


@pytest.fixture
def unrepresentable(source_world: World) -> World:
    """A row for each value that no lake type holds, in a column of its own, and two rows without any."""
    columns = ", ".join(f"c{at} {kind}" for at, (kind, _, _) in enumerate(UNREPRESENTABLE))
    source_world.execute(f"create table t (id int, part text, other text, {columns}, primary key (part, id))")
    source_world.execute("insert into t values (100, 'a', 'good'), (101, 'b', 'good')")
    for at, (_, literal, _) in enumerate(UNREPRESENTABLE):
        source_world.execute(f"insert into t (id, part, other, c{at}) values ({at}, 'a', 'kept', {literal})")
    return source_world


def test_what_no_lake_type_holds_is_quarantined_with_reason_key_and_record(unrepresentable: World) -> None:
    contract = with_ratio(unrepresentable.contract("t"), 0.9)
    result = unrepresentable.run(contract)

    assert (result.rows_landed, result.rows_quarantined) == (2, len(UNREPRESENTABLE))
    assert {row["id"] for row in landed(unrepresentable, contract)} == {100, 101}
    (commit,) = result.commits
    for row in unrepresentable.parquet(commit.quarantine[0].key):
        at = json.loads(row["key"])["id"]
        assert json.loads(row["key"]) == {"part": "a", "id": at}
        assert row["reason"] == f"column 'c{at}': {UNREPRESENTABLE[at][2]}"
        record = json.loads(row["record"])
        assert record["other"] == "kept"
        printed = unrepresentable.query(f"select to_jsonb(c{at}) #>> '{{}}' from t where id = {at}")[0][0]
        assert str(record[f"c{at}"]) == printed


def test_land_as_text_keeps_such_values_as_they_are_printed(unrepresentable: World) -> None:
    contract = as_text(unrepresentable, "t", [f"c{at}" for at in range(len(UNREPRESENTABLE))])
    result = unrepresentable.run(contract)
    assert (result.rows_landed, result.rows_quarantined) == (2 + len(UNREPRESENTABLE), 0)
    by_id = {row["id"]: row for row in landed(unrepresentable, contract)}
    assert by_id == {row["id"]: row for row in read_source(unrepresentable, contract)}
    assert by_id[1]["c1"] == "infinity"
    assert by_id[3]["c3"] == "0044-03-15 BC"


def test_above_the_ratio_the_batch_is_refused_whole(source_world: World) -> None:
    source_world.execute("create table t (id int primary key, bad date); insert into t values (1), (2)")
    source_world.execute("update t set bad = 'infinity' where id = 2")
    contract = source_world.contract("t")
    with pytest.raises(QuarantineRatioError, match=rf"1 of 2 .*maxQuarantineRatio 0 .*column 'bad': {NO_YEAR}"):
        source_world.run(contract)
    assert list(source_world.store.list("")) == []

    source_world.execute("update t set bad = null")
    assert source_world.run(contract).rows_landed == 2


def as_text(world: World, table: str, columns: list[str]) -> StreamContract:
    """Return the drafted contract with `landAs: text` on `columns`."""
    document = yaml.safe_load(draft_of(world, f"public.{table}"))
    for item in document["schema"][0]["properties"]:
        if item["name"] in columns:
            item["customProperties"] = [{"property": "landAs", "value": "text"}]
    return parse_contract(yaml.safe_dump(document), origin=table)


def test_a_row_that_goes_bad_is_not_passed_over_because_the_others_stayed(source_world: World) -> None:
    source_world.execute("create table t (id int primary key, bad date); insert into t values (1, '2026-01-01')")
    contract = with_ratio(source_world.contract("t"), 0.5)
    source_world.run(contract)
    source_world.execute("insert into t values (2, 'infinity')")
    assert source_world.run(contract).rows_quarantined == 1
    assert source_world.run(contract).commits == ()


characters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))  # noqa: DTZ001 - a wall clock
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(characters),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(characters, max_size=5), inner, max_size=3),
    max_leaves=5,
)
GENERATED = {
    "small": ("smallint", st.integers(-(2**15), 2**15 - 1)),
    "whole": ("bigint", st.integers(-(2**63), 2**63 - 1)),
    "amount": ("numeric(12,2)", st.decimals(-9999999999, 9999999999, places=2)),
    "exact": ("numeric(38,19)", st.decimals(-(10**18), 10**18, places=19)),
    "any_number": ("numeric", st.decimals(allow_nan=True, allow_infinity=True).map(lambda d: d.copy_sign(1))),
    "ratio": ("double precision", st.floats()),
    "day": ("date", st.dates()),
    "wall": ("timestamp", moments),
    "at": ("timestamptz", st.datetimes(timezones=st.just(UTC))),
    "words": ("text", st.text(characters)),
    "raw": ("bytea", st.binary()),
    "numbers": ("bigint[]", st.lists(st.none() | st.integers(-(2**63), 2**63 - 1))),
    "labels": ("text[]", st.lists(st.none() | st.text(characters))),
    "document": ("json", json_values.map(psycopg2.extras.Json)),
}
generated_rows = st.lists(st.tuples(*(st.none() | values for _, values in GENERATED.values())), max_size=6)


@pytest.fixture
def generated(source_world: World) -> tuple[World, StreamContract]:
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in GENERATED.items())
    source_world.execute(f"create table generated (id int primary key, {columns})")
    return source_world, source_world.contract("generated")


@pytest.mark.slow
@given(rows=generated_rows)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_generated_rows_land_as_psycopg2_reads_them(
    generated: tuple[World, StreamContract], rows: list[tuple[Any, ...]]
) -> None:
    world, contract = generated
    world.execute("truncate generated")
    with world.connection.cursor() as cursor:
        slots = ", ".join(["%s"] * (len(GENERATED) + 1))
        for at, row in enumerate(rows):
            cursor.execute(f"insert into generated values ({slots})", (at, *row))
    world.run(contract)
    assert landed(world, contract) == read_source(world, contract)


@given(
    days=st.lists(
        st.none()
        | st.dates().map(str)
        | st.sampled_from(["infinity", "-infinity", "0001-12-31 BC", "10000-01-01", "4713-01-01 BC"]),
        max_size=8,
    )
)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_is_either_landed_or_quarantined(
    generated: tuple[World, StreamContract], days: list[str | None]
) -> None:
    world, contract = generated
    contract = with_ratio(contract, 1.0)
    world.execute("truncate generated")
    for at, day in enumerate(days):
        world.execute("insert into generated (id, day) values (%s, %s::date)", at, day)
    world.run(contract)
    newest = CommitLog(world.store, contract.stream).head()
    assert newest is not None
    refused = [json.loads(row["key"])["id"] for file in newest.quarantine for row in world.parquet(file.key)]
    kept = {row["id"]: row["day"] for row in landed(world, contract)}
    expected = {at: day for at, day in enumerate(days) if day is None or _is_representable(day)}
    assert kept == {at: date.fromisoformat(day) if day else None for at, day in expected.items()}
    assert sorted([*kept, *refused]) == list(range(len(days)))


def _is_representable(day: str) -> bool:
    return "infinity" not in day and "BC" not in day and len(day) == 10
