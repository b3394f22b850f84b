"""Poolers between ingest and Postgres that drop settings or share sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import SecretStr

from ingest.contracts.author import draft_contract
from ingest.contracts.introspect import live_tables
from ingest.contracts.model import Deletes, StreamContract
from ingest.contracts.parse import parse_contract
from ingest.errors import AccessError, ConfigurationError
from ingest.sources.postgres.connection import Server
from ingest.sources.postgres.reader import PostgresSession
from ingest.sources.postgres.session import SETTINGS, hold_settings, own_settings
from tests.faults.poolers import forgetful_proxy, needs_pgbouncer, pgbouncer
from tests.faults.roles import as_role
from tests.ingest.run.world import ITEMS, World

ODD = {
    "IntervalStyle": "iso_8601",
    "TimeZone": "Asia/Tokyo",
    "DateStyle": "SQL, DMY",
    "extra_float_digits": "-5",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
}
"""Settings of a login by which its sessions tell values otherwise, unless they are told not to."""

VALUES = """
create table vals (id int primary key, i interval, tz timestamptz[], d date[], f float8[], b bytea[], t text);
insert into vals values (1, '1 mon 2 days 03:04:05', '{2026-01-01 00:00+00}', '{2026-02-03}', '{0.12345678901234567}',
                         array['\\x00ff'::bytea], E'Zoë \\\\ ''x''');
"""
TOLD = {
    "id": 1,
    "i": "1 mon 2 days 03:04:05",
    "tz": '{"2026-01-01 00:00:00+00"}',
    "d": "{2026-02-03}",
    "f": "{0.12345678901234566}",
    "b": '{"\\\\x00ff"}',
    "t": "Zoë \\ 'x'",
}
HIDDEN_ROWS = f"""
{ITEMS}
insert into items values (1, 'a'), (2, 'b'), (3, 'c');
alter table items enable row level security;
create policy mine on items using (id <= 1);
"""

Through = Callable[[World], World]


def by_way_of(world: World, dsn: str) -> World:
    return replace(world, settings=world.settings.model_copy(update={"postgres_dsn": SecretStr(dsn)}))


def dsn_of(world: World) -> str:
    return world.settings.postgres_dsn.get_secret_value()


@contextmanager
def forgetful(world: World) -> Iterator[World]:
    dsn = make_dsn(dsn_of(world), sslmode="disable")
    with forgetful_proxy(int(parse_dsn(dsn)["port"])) as proxy:
        yield by_way_of(world, proxy.before(dsn))


@contextmanager
def bouncing(world: World, *, mode: str = "transaction", ignored: str = "options") -> Iterator[World]:
    with pgbouncer(dsn_of(world), mode=mode, ignored=ignored) as dsn:
        yield by_way_of(world, dsn)


@contextmanager
def bouncing_that_refuses_options(world: World) -> Iterator[World]:
    with bouncing(world, ignored="") as through:
        yield through


@contextmanager
def bouncing_by_session(world: World) -> Iterator[World]:
    with bouncing(world, mode="session") as through:
        yield through


POOLERS = [
    pytest.param(forgetful, id="forgetful proxy"),
    pytest.param(bouncing, id="PgBouncer by transaction", marks=needs_pgbouncer),
    pytest.param(bouncing_that_refuses_options, id="PgBouncer that refuses options", marks=needs_pgbouncer),
    pytest.param(bouncing_by_session, id="PgBouncer by session", marks=needs_pgbouncer),
]


def drafted(world: World, table: str) -> StreamContract:
    found = live_tables(world.connection, [f"public.{table}"])[f"public.{table}"]
    return parse_contract(draft_contract(found), origin=table)


@pytest.mark.parametrize("pooler", POOLERS)
def test_values_are_told_the_same_through_a_pooler_that_drops_the_settings(
    pooler: Callable[..., Any], world: World
) -> None:
    world.execute(f"{VALUES}; {ITEMS}")
    world.execute("insert into items select n, n::text from generate_series(1, 50) n")
    values, items = drafted(world, "vals"), drafted(world, "items")
    with as_role(world, ODD) as odd, pooler(odd) as through:
        through.run(values)
        through.run(items)
        with Server(through.settings.postgres_dsn).catalog() as connection:
            found = live_tables(connection, ["public.vals"])["public.vals"]
    (row,) = world.landed(values)
    assert {name: row[name] for name in TOLD} == TOLD
    assert [column.type for column in found.columns] == [column.source_type for column in values.columns]
    world.assert_equal_to_source(items)
    assert world.run(values).commits == (), "the settings of a session without a pooler give another content"


@pytest.mark.parametrize("pooler", POOLERS)
def test_hidden_rows_are_refused_through_a_pooler_and_never_taken_for_deleted(
    pooler: Callable[..., Any], world: World
) -> None:
    world.execute(HIDDEN_ROWS)
    contract = drafted(world, "items")
    assert contract.spec.deletes is Deletes.KEYS
    world.run(contract)
    before = world.commits(contract)
    with as_role(world, {}) as reader, pooler(reader) as through:
        with pytest.raises(AccessError, match=r"row-level security .*BYPASSRLS"):
            through.run(contract)
        # A policy that comes after the catalog was read.
        with PostgresSession(through.settings.postgres_dsn, ["public.items"], margin=timedelta(0)) as session:
            for read in (session.read_keys(contract), session.read(contract, None)):
                with pytest.raises(AccessError, match=r"row-level security.*BYPASSRLS"):
                    list(read)
            with pytest.raises(AccessError, match=r"row-level security.*BYPASSRLS"):
                session.count(contract, below=None)
    assert world.commits(contract) == before


@pytest.mark.parametrize("pooler", POOLERS)
def test_settings_of_the_connection_string_hold_through_a_pooler(pooler: Callable[..., Any], world: World) -> None:
    """A view reads with the search path of its reader; so does what a person names without a schema."""
    world.execute(
        "create schema app; grant usage on schema app to public; create table app.hidden (id int primary key);"
        "insert into app.hidden values (7); grant select on app.hidden to public;"
        "create function seen() returns setof int language plpgsql as 'begin return query select id from hidden; end';"
        "create view looks as select seen as id from seen()"
    )
    table = live_tables(world.connection, ["public.looks"])["public.looks"]
    contract = parse_contract(draft_contract(table, key=("id",)), origin="looks")
    with as_role(world, {}) as reader, pooler(reader) as through:
        own = by_way_of(through, make_dsn(dsn_of(through), options="-c search_path=app,public"))
        own.run(contract)
    assert [row["id"] for row in world.landed(contract)] == [7]


@needs_pgbouncer
def test_a_pooler_by_statement_is_refused_with_words(world: World) -> None:
    world.execute(ITEMS)
    contract = drafted(world, "items")
    with bouncing(world, mode="statement") as through:
        with pytest.raises(ConfigurationError, match=r"POSTGRES_DSN .* pools by statement.*pool_mode = transaction"):
            through.run(contract)
        with (
            pytest.raises(ConfigurationError, match="pools by statement"),
            Server(through.settings.postgres_dsn).catalog(),
        ):
            pytest.fail("nothing is read")


class Pooled:
    """A cursor of a pooler that answers with the `sessions` in turn, and in which `stuck` settings cannot be
    changed.
    """

    def __init__(self, *, sessions: Sequence[str] = ("1",), stuck: dict[str, str] | None = None) -> None:
        self._sessions = list(sessions)
        self._stuck = stuck or {}
        self._session = "0"
        self._set = False

    def execute(self, query: str, /) -> None:
        self._session = self._sessions.pop(0) if len(self._sessions) > 1 else self._sessions[0]
        self._set = "set_config" in query

    def fetchall(self) -> list[tuple[str, str, str]]:
        told = {name.lower(): value for name, value in SETTINGS.items()}
        told |= {} if self._set else self._stuck
        return [(name, value, self._session) for name, value in told.items()]


def test_a_setting_that_does_not_hold_is_refused_by_name() -> None:
    hold_settings(Pooled(), through="a server", own={})
    with pytest.raises(ConfigurationError, match=r"the pooler at h:1 does not keep the setting row_security = 'off'"):
        hold_settings(Pooled(stuck={"row_security": "on"}), through="the pooler at h:1", own={})
    with pytest.raises(ConfigurationError, match="statements of one transaction to several sessions"):
        hold_settings(Pooled(sessions=("1", "2")), through="the pooler at h:1", own={})


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", {}),
        ("-c a=b", {"a": "b"}),
        ("-ca=b --some-name=c", {"a": "b", "some_name": "c"}),
        (r"-c search_path=one,\ two -c x=a\\b", {"search_path": "one, two", "x": r"a\b"}),
        ("-c", {}),
        ("endpoint=ep-1 -B 5 -c a=b=c", {"a": "b=c"}),
    ],
)
def test_options_are_taken_apart_as_the_server_does(options: str, found: dict[str, str]) -> None:
    assert own_settings(options) == found
