"""A database with everything that the shop's lacks: from its catalog to the warehouse, compared value by value."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from ingest.contracts.model import Column, StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.contracts.types import Kind
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader, load_streams
from tests.ingest.cli.command import CommandLine

DATABASE = """
create type mood as enum ('sad', 'it''s', 'ok "so"');
create type place as (street text, at point);
create domain price as numeric(12,2) check (value >= 0);
create domain nested as price;
create schema "Odd Schema"; create schema sales;

create table "Odd Schema"."we""ird" ("a""b" int primary key, "sel ect" text, "100%s" text, "{0}" text,
  "back\\slash" text, "semi;colon" text, "größe" price, "数量" nested, "it's" mood, "order" int,
  "dot.ted" text, "UPPER" text);
insert into "Odd Schema"."we""ird" values (1, E'a\\tb\\n', '%', '{}', E'\\\\', ';', 1.10, 2.20, 'it''s', 3, '.', 'U'),
  (2, '', null, null, null, null, null, null, 'ok "so"', null, null, null);
create table "Odd Schema"."dot.ted" (id int primary key);
insert into "Odd Schema"."dot.ted" values (1);
create table "order" ("user" int, "group" text, primary key ("group", "user"));
insert into "order" values (1, 'Ä'), (1, 'a'), (2, 'a');
create table sales.same (id int primary key, v text); insert into sales.same values (1, 'sales');
create table same (id int primary key, v text); insert into same values (1, 'public');
create table "заказы" (id int primary key); insert into "заказы" values (1);
create table "数量" (id int primary key); insert into "数量" values (2);

create table keyless (a int, b text, p point, j json);
insert into keyless values (1, 'x', '(1,2)', '{"a":1,"a":2}'), (1, 'x', '(1,2)', '{"a":1,"a":2}'),
  (null, null, null, null), (null, null, null, null), (2, '', null, 'null');
create table empty_one (a int);

create table parent (id int primary key, v text, updated_at timestamptz not null default now());
create table child (extra int) inherits (parent);
insert into parent (id, v) values (1, 'parent'); insert into child (id, v) values (1, 'child'), (2, 'child');
create table part (id int, d date, v text, primary key (id, d)) partition by range (d);
create table part_old partition of part for values from ('2020-01-01') to ('2021-01-01');
create table part_more partition of part default partition by hash (id);
create table part_more_0 partition of part_more for values with (modulus 1, remainder 0);
insert into part values (1, '2020-05-05', 'a'), (1, '2021-05-05', 'b');

create table made (id bigint generated always as identity primary key, a int,
  twice int generated always as (a * 2) stored, gone int, s smallserial);
insert into made (a) values (1), (null); alter table made drop column gone;
create table booked (room int, during tsrange, exclude using gist (during with &&));
insert into booked values (1, '[2026-01-01,2026-01-02)'), (1, 'empty');
create table later (id int, other int not null unique deferrable initially deferred,
  primary key (id) deferrable initially deferred);
insert into later values (1, 2), (2, 1); update later set id = 3 - id;
create table nullable_key (a int unique nulls not distinct, b int, unique (a, b));
insert into nullable_key values (null, 1), (1, null);
create unlogged table unlogged_one (id uuid primary key, m money, i inet, l pg_lsn, x bit(3), y bit varying, t time,
  tz timetz, iv interval, r int4multirange, h tsvector, n numeric, big numeric(50,2), f real, d double precision,
  b bytea, c char(3), v varchar(5), moods mood[], places place[], pl place, grid int[][], u name, o oid);
insert into unlogged_one values ('00000000-0000-0000-0000-000000000001', '-12.34', '::1/64', '16/B374D848', '101', '1',
  '24:00', '12:00+05:30', '1 mon -2 days 03:04:05.6', '{[1,2),[5,6)}', 'a:1 b:2', 'NaN', '1e40', '1e-40', 'Infinity',
  '\\x00ff', 'a', 'b', '{sad,NULL}', array[row('a,"b', '(1,2)')::place], row(null, null)::place,
  '{{1,2},{3,null}}', 'n', 26);
insert into unlogged_one (id) values ('00000000-0000-0000-0000-000000000002');
create table local_times (id int primary key, at timestamp, on_day date, updated_at timestamp not null default now());
insert into local_times values (1, '0001-01-01 00:00:00', '9999-12-31'),
  (2, '9999-12-31 23:59:59.999999', '0001-01-01');

create view looks as select id, v from same union all select id, v from sales.same;
create materialized view stored as select a, count(*) as n from keyless group by a;
"""
TABLES = (
    '"Odd Schema"."we""ird"', '"Odd Schema"."dot.ted"', "order", "same", "заказы", "数量", "keyless", "empty_one",
    "parent",
    "child", "part", "part_old", "made", "booked", "later", "nullable_key", "unlogged_one", "local_times", "looks",
    "stored",
)  # fmt: skip
WITHOUT_KEY = {"keyless", "empty_one", "parent", "child", "booked", "nullable_key", "looks", "stored"}


@pytest.fixture
def command_line(lake_settings: LakeSettings, empty_database: str, tmp_path: Path) -> CommandLine:
    return CommandLine.beside(tmp_path, lake_settings, empty_database)


@pytest.fixture
def foreign(empty_database: str) -> Iterator[Connection]:
    with closing(psycopg2.connect(empty_database)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        if connection.server_version < 150000:
            cursor.execute(DATABASE.replace(" nulls not distinct", ""))
        else:
            cursor.execute(DATABASE)
        cursor.execute("set timezone = 'UTC'")
        yield connection


@pytest.mark.slow
def test_a_database_with_all_that_the_shop_has_not_arrives_value_by_value(
    command_line: CommandLine, foreign: Connection, lake_settings: LakeSettings, tmp_path: Path
) -> None:
    new = command_line.run("contract", "new", *TABLES)
    assert (new.exit_code, new.err) == (0, "")
    assert command_line.run("contract", "new", "sales.same", "--name", "sales_same").exit_code == 0
    check = command_line.run("contract", "check")
    assert (check.exit_code, len(re.findall("^ok ", check.out, re.M))) == (0, len(TABLES) + 1), check.out
    run = command_line.run("run", "--all")
    assert run.exit_code == 0, run.err
    again = command_line.run("run", "--all")
    assert again.out.count("nothing new") == len(TABLES) + 1, again.out

    contracts = list(ContractRegistry.load(command_line.contracts).values())
    assert {contract.stream for contract in contracts if not contract.key} == WITHOUT_KEY
    assert {"we_ird", "dot_ted", "zakazy", "shu_liang", "sales_same"} <= {contract.stream for contract in contracts}
    warehouse = DuckDBWarehouse(tmp_path / "warehouse", "FOREIGN_DB", lake_settings)
    loader = Loader(ObjectStore(lake_settings), "RAW", run_id="test")
    with warehouse.connect() as session:
        loader.prepare(session, contracts)
        outcomes = load_streams(loader, session, contracts, concurrency=2)
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        for contract in contracts:
            names = sql.SQL(", ").join(sql.Identifier(column.name) for column in contract.columns)
            loaded = session.query(f'select {names.as_string(foreign)} from RAW."{contract.stream}"')
            assert _counted(loaded, contract) == _counted(_source(foreign, contract), contract), contract.stream


def _source(connection: Connection, contract: StreamContract) -> list[tuple[Any, ...]]:
    """Return all rows: native values, and Postgres' printed text for columns that land as text."""
    columns = [
        sql.SQL("concat({0}) as {0}" if column.landing.kind is Kind.TEXT else "{0}").format(sql.Identifier(column.name))
        for column in contract.columns
    ]
    nulls = [sql.SQL("num_nulls({})").format(sql.Identifier(column.name)) for column in contract.columns]
    query = sql.SQL("select {}, array[{}] from {}").format(
        sql.SQL(", ").join(columns), sql.SQL(", ").join(nulls), sql.Identifier(*contract.source_object.split(".", 1))
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [
            tuple(None if null else value for value, null in zip(row[:-1], row[-1], strict=True))
            for row in cursor.fetchall()
        ]


def _counted(rows: list[tuple[Any, ...]], contract: StreamContract) -> Counter[tuple[Any, ...]]:
    return Counter(
        tuple(_plain(value, column) for value, column in zip(row, contract.columns, strict=True)) for row in rows
    )


def _plain(value: Any, column: Column) -> Any:
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if isinstance(value, float):
        return struct.pack("f", value) if column.landing.kind is Kind.FLOAT32 else repr(value)
    return value
