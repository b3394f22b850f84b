"""Cursors without a time zone, over the nights in which clocks change: no row is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from ingest.contracts.model import Clock, Deletes, Mode, StreamContract
from ingest.errors import ConfigurationError, ContractError, SchemaDriftError
from ingest.run.context import StreamResult
from ingest.run.runner import open_ingestion
from ingest.sources.postgres.local_time import local_times
from ingest.sources.postgres.reader import SharedSnapshot
from local.servers.postgres_server import PostgresServer
from tests.ingest.cli.command import CommandLine
from tests.ingest.contracts.contract_text import column, good_document, parsed, set_custom
from tests.ingest.run.world import World, share_ingestion

NIGHTS = {
    "America/New_York": ("2025-11-02T06:00Z", "2026-03-08T07:00Z"),
    "Europe/Berlin": ("2025-10-26T01:00Z", "2026-03-29T01:00Z"),
    "Australia/Lord_Howe": ("2026-04-04T15:00Z", "2025-10-04T15:30Z"),  # half an hour
    "Antarctica/Troll": ("2025-10-26T01:00Z", "2026-03-29T01:00Z"),  # two hours
    "Africa/Casablanca": ("2025-02-23T02:00Z", "2025-04-06T02:00Z"),
    "Pacific/Apia": ("2011-12-30T10:00Z", "2010-09-26T11:00Z"),  # a day that never was
    "America/Sao_Paulo": ("2018-02-18T02:00Z", "2018-11-04T03:00Z"),
}
"""Zones, and moments at which their clocks were set back or forward."""


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@pytest.fixture(scope="module")
def server(postgres_server: PostgresServer) -> Iterator[Connection]:
    with closing(psycopg2.connect(postgres_server.admin_dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("set timezone = 'UTC'")
        yield connection


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime, list[datetime]]:
    """Return a zone, a moment near a night of it, and moments at which rows are written."""
    zone = draw(st.sampled_from(sorted(NIGHTS)))
    night = datetime.fromisoformat(draw(st.sampled_from(NIGHTS[zone])))
    seconds = st.integers(-30 * 3600, 30 * 3600)
    near = st.one_of(seconds, st.integers(-7300, 7300), st.sampled_from([0, -3600, 3600, -1800, 1800, 7200, -7200]))
    offsets = st.builds(lambda whole, micro: timedelta(seconds=whole, microseconds=micro), near, st.integers(-1, 1))
    asked = night + draw(offsets)
    written = [asked + draw(offsets) for _ in range(8)] + [asked, asked - timedelta(microseconds=1)]
    return zone, asked, written


@hypothesis_settings(max_examples=150, deadline=None)
@given(case=moments())
def test_each_row_lies_on_the_side_of_a_moment_on_which_it_was_written(
    case: tuple[str, datetime, list[datetime]], server: Connection
) -> None:
    zone, asked, written = case
    with server.cursor() as cursor:
        times = local_times(cursor, asked, zone)
    first, end = datetime.fromisoformat(times.first), datetime.fromisoformat(times.end)
    assert first <= end, "a time that never came would be skipped"
    for moment in written:
        if moment >= asked:
            assert local(moment, zone) >= first
        else:
            assert local(moment, zone) < end


@pytest.mark.parametrize("zone", [*NIGHTS, "UTC"])
def test_on_ordinary_days_nothing_is_read_twice(zone: str, server: Connection) -> None:
    moment = datetime(2026, 7, 15, 12, 34, 56, 789012, UTC)
    with server.cursor() as cursor:
        times = local_times(cursor, moment, zone)
    assert times.first == times.end == str(local(moment, zone))


ORDERS = "create table orders (id int primary key, v text, updated_at timestamp not null)"


def contract_of(world: World, zone: str | None) -> StreamContract:
    return world.contract(
        "orders",
        mode=Mode.INCREMENTAL,
        cursor="updated_at",
        cursor_clock=Clock.DATABASE,
        cursor_enforced=False,
        cursor_zone=zone,
        deletes=Deletes.KEYS,
        likely_cursor=None,
    )


def run_as_of(world: World, contract: StreamContract, horizon: datetime) -> StreamResult:
    """Do a run with that moment as horizon."""
    with share_ingestion(world.settings, [contract], store=world.store) as shared:
        assert shared.snapshot is not None
        told = replace(shared.snapshot.horizon, at=horizon, read_at=horizon)
        moved = shared.model_copy(update={"snapshot": SharedSnapshot(shared.snapshot.name, told)})
        with open_ingestion(world.settings, [contract], "test", store=world.store, shared=moved) as run:
            return run.ingest("orders")


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "night"), [(zone, night) for zone in list(NIGHTS)[:3] for night in NIGHTS[zone]])
def test_a_night_in_which_clocks_are_set_loses_no_row_and_every_count_is_right(
    zone: str, night: str, world: World
) -> None:
    """A row comes every 7 minutes, and some change again; a run comes every 25, each with a later row already
    visible.
    """
    world.execute(ORDERS)
    contract = contract_of(world, zone)
    began = datetime.fromisoformat(night) - timedelta(hours=3)
    number = 0
    for minutes in range(0, 6 * 60, 25):
        horizon = began + timedelta(minutes=minutes)
        while began + timedelta(minutes=7 * number) < horizon + timedelta(minutes=5):
            written = local(began + timedelta(minutes=7 * number), zone)
            world.execute("insert into orders values (%s, 'new', %s)", number, written)
            if number % 5 == 4:
                world.execute("update orders set v = v || '!', updated_at = %s where id = %s", written, number - 3)
            number += 1
        result = run_as_of(world, contract, horizon)
        assert result.source_count is not None
        assert result.source_count.in_flight is not None
        in_flight = set(result.source_count.in_flight["id"].to_pylist())
        assert len([key for key in world.current(contract) if key[0] not in in_flight]) == result.source_count.rows
    run_as_of(world, contract, began + timedelta(hours=12))
    world.assert_equal_to_source(contract)


def test_a_cursor_without_a_zone_is_refused_until_the_contract_names_it(world: World) -> None:
    world.execute(ORDERS)
    with pytest.raises(SchemaDriftError, match=r"cursor 'updated_at'.*`cursorZone: America/New_York`"):
        world.run(contract_of(world, None))
    with pytest.raises(ConfigurationError, match='time zone "Mars/Olympus" not recognized'):
        world.run(contract_of(world, "Mars/Olympus"))
    assert list(world.store.list("")) == []


def test_a_database_whose_zone_is_not_utc_loses_nothing(world: World) -> None:
    with world.other_session(options="-c timezone=America/New_York") as shop, shop.cursor() as cursor:
        shop.autocommit = True
        cursor.execute(f"{ORDERS}; alter table orders alter updated_at set default now()")
        cursor.execute("insert into orders(id, v) values (1, 'a'), (2, 'b')")
        contract = contract_of(world, "America/New_York")
        world.run(contract)
        cursor.execute("insert into orders(id, v) values (3, 'new')")
        cursor.execute("update orders set v = 'changed', updated_at = now() where id = 1")
    world.run(contract)
    world.assert_equal_to_source(contract)


def test_the_hint_of_a_draft_asks_for_the_zone(command_line: CommandLine, source_world: World) -> None:
    source_world.execute(ORDERS)
    name = source_world.query("select current_database()")[0][0]
    source_world.execute(f"alter database {name} set timezone = 'America/New_York'")
    done = command_line.run("contract", "new", "orders")
    assert done.exit_code == 0
    assert "cursorZone (the zone in which it is written; the database's own is America/New_York)" in done.out


def test_a_zone_is_named_for_a_cursor_that_has_none_alone() -> None:
    document = good_document()
    set_custom(document, "cursorZone", "Europe/Berlin")
    with pytest.raises(ContractError, match="cursor 'updated_at' has a zone of its own"):
        parsed(document)
    column(document, "updated_at")["physicalType"] = "timestamp"
    assert parsed(document).spec.cursor_zone == "Europe/Berlin"
    set_custom(document, "cursorZone", "UTC+3")  # which Postgres takes for a zone west of Greenwich
    with pytest.raises(ContractError, match="cursorZone"):
        parsed(document)
