"""Every type that a column of Postgres can have reaches RAW value by value, or is refused by name."""

from __future__ import annotations

import pytest
from psycopg2 import sql

from ingest.contracts.model import StreamContract
from ingest.run.quarantine import Quarantine
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.ingest.run.world import World
from tests.orchestration.value_by_value import Passage


@pytest.fixture
def passage(source_world: World, warehouse: DuckDBWarehouse) -> Passage:
    return Passage(source_world, warehouse)


OWN_TYPES = """
create extension if not exists hstore; create extension if not exists citext; create extension if not exists ltree;
create type mood as enum ('sad', 'ok', 'quo''te, "comma" and \\back');
create type addr as (street text, "Zip, code" numeric(6,2), moods mood[]);
create type nested as (a addr, b addr[]);
create domain price as numeric(12,2) check (value >= 0);
create domain price_again as price;
create domain prices as price[];
create domain many_prices as prices;
create domain home as addr;
create type span as range (subtype = float8);
create schema "Other, Schema";
create type "Other, Schema"."My Type's" as enum ('x');
"""


# A column can have any of these: all types but those that only functions have. Of the row types that each table has,
# one table's and one view's stand for all.
TYPES = """
select t.oid::regtype::text, e.oid::regtype::text
  from pg_type t left join pg_class c on c.oid = t.typrelid
  left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
 where t.typtype <> 'p' and coalesce(e.typtype, 'b') <> 'p'
   and (t.typrelid = 0 or c.relkind = 'c' or c.relname in ('pg_class', 'pg_roles'))
   and coalesce(e.typrelid = 0 or (select relkind from pg_class where oid = e.typrelid) = 'c', true)
 order by t.oid
"""
# Types whose length or precision matters, beside the plain ones that the catalog lists.
WITH_ARGUMENTS = [
    "character(5)", "character varying(7)", "bit(9)", "bit varying(3)", "numeric(38,10)", "numeric(38,38)",
    "numeric(1,0)", "numeric(40,2)", "numeric(5,-2)", "numeric(2,5)", "interval(3)", "interval year to month",
    "interval day to second(2)", "character(5)[]", "numeric(6,2)[]",
    *(f"{kind}({digits})" for kind in ("timestamp", "timestamptz", "time", "timetz") for digits in range(7)),
]  # fmt: skip
NOT_SHOWN = {"gtsvector", "ghstore", "ltree_gist", "pg_brin_bloom_summary", "pg_brin_minmax_multi_summary"}
"""Parts of indexes, whose values no SQL can make."""

THOUSAND_DIGITS = "'" + "9" * 500 + "." + "1" * 500 + "'"
DEEP_JSON = "'" + "[" * 900 + '{"a": 1e400, "b": -0.0, "c": "\\u00e9\\ud83d\\ude00", "c": 0.10}' + "]" * 900 + "'"
ODD_TEXT = "E'\\u0001\\u200b\\ufffe\\uffff\\U0010ffffe\\u0301\\r\\n\\t\\\\\\'\"'"
FAMILY = "E'\\U0001F469\\u200d\\U0001F469\\u200d\\U0001F467 %s {} $1 \\u202e'"
DAYS = ["'0001-01-01'", "'9999-12-31'", "'1582-10-10'", "'2000-02-29'"]
MOMENTS = ["'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'", "'1969-12-31 23:59:59.999999'"]
PLACES = ["'pg_class'", "'public.keyless'"]

VALUES: dict[str, list[str]] = {
    "boolean": ["true", "false"],
    "bytea": ["''", r"'\x00ff'", "decode(repeat('00', 300), 'hex')"],
    '"char"': ["'a'", "''", r"'\200'"],
    "name": ["'x'", "''", "repeat('é', 31)"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "smallint": ["-32768", "32767"],
    "integer": ["-2147483648", "2147483647"],
    "int2vector": ["'1 -2 3'", "''"],
    "oidvector": ["'1 4294967295'", "''"],
    "text": [ODD_TEXT, FAMILY, "''", "' '", "'NULL'", "'\\N'"],
    "citext": ["'MiXed'", "''"],
    "character": ["'x'", "''"],
    "character varying": [ODD_TEXT, "''", "'trailing  '"],
    "character(5)": ["'ab'", "''", "'éü'"],
    "character varying(7)": ["'1234567'", "'ab  '"],
    "oid": ["0", "4294967295"],
    "tid": ["'(0,1)'", "'(4294967295,65535)'"],
    "xid": ["'0'", "'4294967295'"],
    "cid": ["'0'", "'4294967295'"],
    "xid8": ["'0'", "'18446744073709551615'"],
    "pg_class": ["(select c from pg_class c where relname = 'keyless')"],
    "pg_roles": ["(select r from pg_roles r where rolname = current_user)"],
    "json": [DEEP_JSON, '\'{"b": 1,  "a": "\\u0000"}\'', "'null'", "'\"\"'", "'12345678901234567890.000'"],
    "jsonb": [DEEP_JSON, "'null'", '\'{"z": {}, "a": []}\'', "('\"' || repeat('x', 5000) || '\"')::jsonb"],
    "jsonpath": ["'$.a[*] ? (@ > 1)'", "'strict $'"],
    "xml": ["'<a b=\"1\">é<!-- c --></a>'", '\'<?xml version="1.0" encoding="ISO-8859-1"?><a/>\'', "''", "'x<b/>y'"],
    "pg_node_tree": ["(select adbin from pg_attrdef limit 1)"],
    "pg_ndistinct": ["(select stxdndistinct from pg_statistic_ext_data)"],
    "pg_dependencies": ["(select stxddependencies from pg_statistic_ext_data)"],
    "pg_mcv_list": ["(select stxdmcv from pg_statistic_ext_data)"],
    "point": ["'(0.1,-1e300)'", "'(NaN,Infinity)'"],
    "lseg": ["'[(0,0),(1,0.1)]'"],
    "path": ["'((0,0),(1,1))'", "'[(0,0),(1,1)]'"],
    "box": ["'(1,1),(0,0)'"],
    "polygon": ["'((0,0),(1,1),(2,0))'"],
    "line": ["'{1,-1,0.1}'"],
    "circle": ["'<(1,2),3.5>'"],
    "cidr": ["'10.0.0.0/8'", "'2001:db8::/32'", "'10.1.2.3/32'"],
    "inet": ["'10.0.0.1'", "'10.0.0.1/8'", "'::ffff:1.2.3.4'", "'2001:db8::1/64'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
    "real": ["0.1", "'NaN'", "'-Infinity'", "'-0'", "3.4028235e38", "1e-45"],
    "double precision": ["0.1", "'NaN'", "'Infinity'", "'-0'", "1.7976931348623157e308", "5e-324", "1e22"],
    "money": ["'-92233720368547758.08'", "0.01"],
    "aclitem": ["makeaclitem(10, 10, 'SELECT', true)"],
    "date": DAYS,
    "time without time zone": ["'24:00:00'", "'00:00:00.000001'"],
    "time with time zone": ["'24:00:00+15:59'", "'12:00:00.5-03:30'"],
    "timestamp without time zone": MOMENTS,
    "timestamp with time zone": [f"{moment[:-1]}+00'" for moment in MOMENTS],
    "interval": ["'-178000000 years'", "'1 mon -1 day +00:00:00.000001'", "'0'"],
    "numeric": [THOUSAND_DIGITS, "'NaN'", "'-Infinity'", "'0.000'", "1e-1000", "'-0'"],
    "bit": ["B'1'"],
    "bit varying": ["B''", "B'1010101010'"],
    "bit(9)": ["B'101010101'"],
    "bit varying(3)": ["B'10'", "B''"],
    "numeric(38,10)": ["9999999999999999999999999999.9999999999", "-0.0000000001"],
    "numeric(38,38)": ["0.99999999999999999999999999999999999999", "-1e-38"],
    "numeric(1,0)": ["9", "-9"],
    "numeric(40,2)": ["99999999999999999999999999999999999999.99", "'NaN'"],
    "numeric(5,-2)": ["1234500"],
    "numeric(2,5)": ["0.00099"],
    "refcursor": ["'cursor'"],
    "regproc": ["'pg_backend_pid'"],
    "regprocedure": ["'abs(integer)'"],
    "regoper": ["'pg_catalog.||/'"],
    "regoperator": ["'+(integer,integer)'"],
    "regclass": PLACES,
    "regtype": ["'integer'", "'public.mood'"],
    "regconfig": ["'english'"],
    "regdictionary": ["'simple'"],
    "regnamespace": ["'public'", "'\"Other, Schema\"'"],
    "regrole": ["current_user::regrole"],
    "regcollation": ["'\"C\"'"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    "txid_snapshot": ["'10:20:10,14,15'"],
    "pg_snapshot": ["'10:20:10,14,15'"],
    "pg_lsn": ["'0/0'", "'FFFFFFFF/FFFFFFFF'"],
    "tsvector": ["'a:1A fat:2B,3C cat'", "''"],
    "tsquery": ["'fat & (rat | !cat:A*) <2> x'", "''"],
    "int4range": ["'[1,5)'", "'empty'", "'(,)'"],
    "int8range": ["'[1,9223372036854775807)'"],
    "numrange": ["'(0.10,1.50]'", "'[,NaN]'"],
    "tsrange": ["'[2026-01-01 00:00:00.123456,infinity)'"],
    "tstzrange": ["'[-infinity,\"2026-01-01 00:00:00+05\")'"],
    "daterange": ["'[4713-01-01 BC,2026-01-01)'"],
    "span": ["'[0.1,1e300)'"],
    "int4multirange": ["'{[1,3),[5,9)}'", "'{}'"],
    "int8multirange": ["'{[1,3)}'"],
    "nummultirange": ["'{[0.1,0.2],(5,)}'"],
    "tsmultirange": ["'{[2026-01-01,2026-01-02)}'"],
    "tstzmultirange": ["'{[2026-01-01 00:00+05,2026-01-02)}'"],
    "datemultirange": ["'{[2026-01-01,2026-01-02)}'"],
    "span_multirange": ["'{[0.1,0.2)}'"],
    "information_schema.cardinal_number": ["0"],
    "information_schema.character_data": ["'x'"],
    "information_schema.sql_identifier": ["'x'"],
    "information_schema.time_stamp": ["'2026-01-01 00:00:00.12+00'"],
    "information_schema.yes_or_no": ["'YES'"],
    "hstore": ['\'"a b"=>"x, \\"y\\"", n=>NULL\'', "''"],
    "ltree": ["'Top.Science'", "''"],
    "lquery": ["'Top.*{1,2}.a|b@'"],
    "ltxtquery": ["'Europe & Russia*@ & !x'"],
    "mood": ["'sad'", "'quo''te, \"comma\" and \\back'"],
    '"Other, Schema"."My Type\'s"': ["'x'"],
    "addr": [
        "row('a \"b\", (c)', 1.50, '{sad,ok}')::addr",
        "row(null, null, null)::addr",
        "row('', 'NaN', '{}')::addr",
    ],
    "nested": ["row(row('x', 1, null), array[row('y', 2, '{ok}')::addr, null])::nested"],
    "price": ["9999999999.99", "0"],
    "price_again": ["0.01"],
    "prices": ["array[1.5, null]::price[]", "'{}'"],
    "many_prices": ["array[[1, 2], [3, 4]]::price[]"],
    "home": ["row('home', 1, null)::addr"],
    "interval(3)": ["'1.2345 seconds'"],
    "interval year to month": ["'14 months'"],
    "interval day to second(2)": ["'1 day 1.234 seconds'"],
    "character(5)[]": ["array['ab', '', null]"],
    "numeric(6,2)[]": ["array[1, 2.5, 'NaN', null]"],
    **{f"timestamp({digits})": ["'2026-12-31 23:59:59.987654'"] for digits in range(7)},
    **{f"timestamptz({digits})": ["'2026-12-31 23:59:59.987654-11'"] for digits in range(7)},
    **{f"time({digits})": ["'23:59:59.123456'"] for digits in range(7)},
    **{f"timetz({digits})": ["'23:59:59.123456+05:30'"] for digits in range(7)},
}


def values_of(type_: str, element: str | None) -> list[str]:
    """SQL expressions of values of a type."""
    if type_ in VALUES:
        return VALUES[type_]
    if element is None or element in NOT_SHOWN:
        assert (element or type_) in NOT_SHOWN, f"there is no value of {type_} here: add one"
        return []
    one, *more = [f"({value})::{element}" for value in VALUES[element]]
    last = more[-1] if more else one
    return [
        f"array[{', '.join((one, *more))}, null]::{type_}",
        f"array[[{one}, {last}], [{last}, {one}]]::{type_}",
        f"'{{}}'::{type_}",
    ]


def test_a_column_of_any_type_reaches_raw_value_by_value(passage: Passage) -> None:
    world = passage.world
    world.execute(OWN_TYPES)
    world.execute(
        "create table keyless (a int default 5, b int); insert into keyless select g, g from generate_series(1, 9) g"
    )
    world.execute("create statistics kept (ndistinct, dependencies, mcv) on a, b from keyless; analyze keyless")
    columns = [(type_, values_of(type_, element)) for type_, element in world.query(TYPES)]
    columns += [(type_, VALUES[type_]) for type_ in WITH_ARGUMENTS]
    tables = []
    for number, start in enumerate(range(0, len(columns), 80)):
        some = columns[start : start + 80]
        definitions = ", ".join(f"c{index} {type_}" for index, (type_, _) in enumerate(some))
        world.execute(f"create table every_{number} (id int primary key, {definitions})")
        for row in range(max(len(values) for _, values in some) + 1):
            given = [f"({values[row]})" if row < len(values) else "null" for _, values in some]
            world.execute(f"insert into every_{number} values ({row}, {', '.join(given)})")
        tables.append(f"public.every_{number}")

    contracts = passage.contracts(*tables)
    assert passage.pass_through(contracts) == 0
    compared = sum(passage.assert_equal(contract) for contract in contracts)
    assert compared > 400


NOT_HELD = {
    "date": ["'infinity'", "'-infinity'", "'0001-12-31 BC'", "'4714-11-24 BC'", "'10000-01-01'", "'5874897-12-31'"],
    "timestamp": [
        "'infinity'", "'-infinity'", "'0001-12-31 23:59:59.999999 BC'", "'4714-11-24 00:00:00 BC'",
        "'10000-01-01 00:00:00'", "'294276-12-31 23:59:59.999999'",
    ],
    "timestamptz": [
        "'infinity'", "'-infinity'", "'0001-12-31 23:59:59.999999+00 BC'", "'4714-11-24 00:00:00+00 BC'",
        "'10000-01-01 00:00:00+00'", "'294276-12-31 23:59:59.999999+00'", "'9999-12-31 23:59:59.999999-00:30'",
    ],
    "numeric(5,2)": ["'NaN'"],
    "numeric(38,0)": ["'NaN'"],
}  # fmt: skip


def test_what_no_lake_type_holds_is_refused_by_name_and_the_neighbours_land(passage: Passage) -> None:
    world = passage.world
    tables = []
    for number, (type_, values) in enumerate(NOT_HELD.items()):
        world.execute(f"create table odd_{number} (id serial primary key, v {type_}, fits boolean)")
        good = {"date": DAYS, "timestamp": MOMENTS}.get(type_, VALUES["timestamp with time zone"])
        good = ["1.25", "-999"] if type_.startswith("numeric") else good
        for value, fits in [*((value, True) for value in [*good, "null"]), *((value, False) for value in values)]:
            world.execute(f"insert into odd_{number} (v, fits) values ({value}, {fits})")
        tables.append(f"public.odd_{number}")

    contracts = passage.contracts(*tables, max_quarantine_ratio=1.0)
    assert passage.pass_through(contracts) == sum(len(values) for values in NOT_HELD.values())
    for contract, values in zip(contracts, NOT_HELD.values(), strict=True):
        passage.assert_equal(contract, where="fits")
        refused = Quarantine(world.store, contract).open()
        assert len(refused) == len(values)
        assert {record.reason.partition(":")[0] for record in refused} == {"column 'v'"}


NAMES = [
    "Capitals", "two words", "über", "数量", 'quo"te', "it's", "per%cent %s %(x)s", "dot.ted", "back\\slash",
    "semi;colon",
    "{}", "$1", "select", "a" * 63, "tab\there", "new\nline", "-- comment", "emoji😀", " leading", "trailing ",
    "1st", "?",
]  # fmt: skip


def test_names_of_any_spelling_pass(passage: Passage) -> None:
    world = passage.world
    tables = []
    for _number, name in enumerate(["Table, Odd", "t.dotted", "per%cent", 'qu"ote', "表"]):
        columns = sql.SQL(", ").join(
            sql.SQL("{} integer default {}").format(sql.Identifier(n), sql.Literal(i)) for i, n in enumerate(NAMES)
        )
        key = sql.Identifier('Key, "of it" %')
        statement = sql.SQL("create table {} ({} text primary key, {}, day date)").format(
            sql.Identifier(name), key, columns
        )
        with world.connection.cursor() as cursor:
            cursor.execute(statement)
            cursor.execute(
                sql.SQL("insert into {} ({}, day) values ('a%', '2026-01-01'), ('b', 'infinity')").format(
                    sql.Identifier(name), key
                )
            )
        tables.append(f"public.{name}")
    contracts = [
        StreamContract(**{**vars(contract), "stream": f"stream_{number}"})
        for number, contract in enumerate(passage.contracts(*tables, max_quarantine_ratio=0.9))
    ]
    assert passage.pass_through(contracts) == len(tables)
    for contract in contracts:
        assert passage.assert_equal(contract, where="day <> 'infinity'") == len(NAMES) + 2


def test_a_table_of_as_many_columns_as_there_can_be_and_tables_of_few(passage: Passage) -> None:
    world = passage.world
    kinds = ["smallint", "boolean", '"char"', "real"]
    columns = ", ".join(f"c{number} {kinds[number % 4]}" for number in range(1599))
    world.execute(f"create table widest (id int primary key, {columns})")
    world.execute(
        f"insert into widest select g, {', '.join(f'{_small(n)}' for n in range(1599))} from generate_series(1, 3) g"
    )
    world.execute("create table only_key (a int, b text, primary key (b, a)); insert into only_key values (1, 'x')")
    world.execute("create table empty (id int primary key, v text)")
    world.execute("create table parent (id int, v text, primary key (id, v)) partition by list (v)")
    world.execute("create table child partition of parent default; insert into parent values (1, 'x'), (2, 'y')")
    world.execute("create table base (id int primary key); create table derived (extra int) inherits (base)")
    world.execute("insert into base values (1); insert into derived values (2, 3)")
    world.execute(
        "create table made (id int generated always as identity primary key, a int, "
        "b int generated always as (a * 2) stored)"
    )
    world.execute("insert into made (a) values (1), (null)")

    names = ["widest", "only_key", "empty", "parent", "base", "made"]
    contracts = passage.contracts(*(f"public.{name}" for name in names))
    assert passage.pass_through(contracts) == 0
    assert [passage.assert_equal(contract) for contract in contracts] == [4800, 2, 0, 4, 2, 4]


def _small(number: int) -> str:
    return [str(number), str(number % 3 == 0).lower(), f"'{chr(97 + number % 26)}'", f"{number}.1"][number % 4]


@pytest.mark.slow
def test_a_value_of_fifty_megabytes_passes(passage: Passage) -> None:
    world = passage.world
    world.execute("create table big (id int primary key, t text, b bytea, j jsonb)")
    world.execute("insert into big select 1, repeat('0123456789', 5000000), null, null")
    world.execute(
        "insert into big select 2, null, decode(repeat('00ff', 12500000), 'hex'), to_jsonb(repeat('é', 12500000))"
    )
    contracts = passage.contracts("public.big")
    assert passage.pass_through(contracts) == 0
    assert passage.assert_equal(contracts[0]) == 5
