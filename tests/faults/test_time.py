"""Clocks and zones: everything is UTC inside, and no clock that is wrong or turned back moves a watermark backwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from psycopg2.extensions import connection as Connection

from ingest.contracts.model import Deletes, StreamContract
from ingest.run.runner import open_ingestion
from ingest.sources.postgres.horizon import Horizon, read_horizon
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader, load_streams
from tests.faults.roles import as_role
from tests.ingest.run.world import ITEMS, World

MOMENTS = """
create table moments (
  id bigint generated always as identity primary key,
  at timestamptz,
  local timestamp,
  day date,
  updated_at timestamptz not null default now()
);
"""
# Every 7 minutes through the nights in which Europe/Berlin and Australia/Lord_Howe (by half an hour) change.
NIGHTS = """
insert into moments (at, local, day)
select at, at at time zone '{zone}', (at at time zone '{zone}')::date
  from unnest(array['2026-10-24 12:00+00', '2026-03-28 12:00+00', '2026-04-04 12:00+00', '2026-10-03 12:00+00']
              ::timestamptz[]) as start, generate_series(start, start + '16 hours', '7 minutes') as at
"""


def load(world: World, contract: StreamContract, directory: Path) -> DuckDBWarehouse:
    warehouse = DuckDBWarehouse(directory, "w", world.settings.lake)
    with warehouse.connect() as session:
        [outcome] = load_streams(Loader(world.store, "RAW", run_id="test"), session, [contract], concurrency=1)
    assert outcome.error is None
    return warehouse


def test_writers_readers_and_databases_of_any_zone_mean_the_same_moments(world: World, tmp_path: Path) -> None:
    world.execute(MOMENTS)
    database = world.query("select current_database()")[0][0]
    world.execute(f"alter database \"{database}\" set timezone = 'Asia/Kathmandu'")
    for zone in ("Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "UTC"):
        with world.other_session(options=f"-c TimeZone={zone}") as writer, writer.cursor() as cursor:
            cursor.execute(NIGHTS.format(zone=zone))
            # Night and day that a wall clock shows twice, or never; and a leap second, which Postgres lets be the next.
            cursor.execute(
                "insert into moments (at, local) values ('2026-10-25 02:30:00.000001', '2026-10-25 02:30:00.000001'),"
                " ('2026-03-29 02:30:00', '2026-03-29 02:30:00'), ('2016-12-31 23:59:60+00', '2016-12-31 23:59:60')"
            )
            writer.commit()
    contract = world.contract("moments")
    with as_role(world, {"TimeZone": "Pacific/Apia"}) as elsewhere:
        elsewhere.run(contract)

    world.assert_equal_to_source(contract)
    leap = [row for row in world.landed(contract) if row["at"] == datetime(2017, 1, 1, tzinfo=UTC)]
    assert [row["local"] for row in leap] == [datetime(2017, 1, 1)] * 4  # noqa: DTZ001 - a timestamp without zone
    with load(world, contract, tmp_path).connect() as session:
        loaded = session.query('select id, epoch_us("at"), epoch_us("local"), "day"::text from raw.moments order by id')
    at_source = world.query(
        "select id, (extract(epoch from at) * 1000000)::bigint, (extract(epoch from local) * 1000000)::bigint,"
        " day::text from moments order by id"
    )
    assert loaded == at_source


def test_a_window_in_the_hour_that_a_wall_clock_shows_twice_holds_its_own_rows_only(world: World) -> None:
    world.execute(ITEMS)
    world.execute(
        "insert into items select row_number() over (order by at), 'x', at"
        " from generate_series('2026-10-24 22:00+00'::timestamptz, '2026-10-25 04:00+00', '10 minutes') at"
    )
    contract = world.contract("items")
    start = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 in Berlin, and so is the end
    with as_role(world, {"TimeZone": "Europe/Berlin"}) as in_berlin:
        with open_ingestion(in_berlin.settings, [contract], "backfill", store=world.store) as run:
            result = run.backfill("items", start=start, end=start + timedelta(hours=1))
        in_berlin.run(contract)

    (backfilled, *_) = result.commits
    cursors = [row["updated_at"] for row in world.rows(backfilled)]
    assert cursors == [start + timedelta(minutes=10 * step) for step in range(6)]
    assert (backfilled.files[0].min_cursor, backfilled.files[0].max_cursor) == (cursors[0], cursors[-1])
    world.assert_equal_to_source(contract)


@contextmanager
def machine_clock(*, off_by: timedelta) -> Iterator[None]:
    """Set this machine's clock, as ingest and the loader see it, wrong by this much."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + off_by

    with ExitStack() as patches:
        for module in (
            "ingest.run.context",
            "ingest.lake.batch",
            "ingest.lake.files.writer",
            "orchestration.warehouse.ledger",
        ):
            patches.enter_context(patch(f"{module}.datetime", Wrong))
        yield


@pytest.mark.slow
def test_a_machine_clock_that_is_turned_back_or_years_ahead_changes_nothing(world: World, tmp_path: Path) -> None:
    world.execute(ITEMS)
    contract = world.contract("items")
    for number, off_by in enumerate([0, -400, 4000, -10]):
        world.execute("insert into items values (%s, 'new')", number)
        world.execute("update items set value = value || '.' where id < %s", number)
        with machine_clock(off_by=timedelta(days=off_by)):
            world.run(contract)
            warehouse = load(world, contract, tmp_path)

    commits = world.commits(contract)
    watermarks = [commit.watermark.after for commit in commits if commit.watermark.after is not None]
    assert watermarks == sorted(watermarks)
    assert commits[-1].committed_at < max(commit.committed_at for commit in commits)
    world.assert_equal_to_source(contract)
    with warehouse.connect() as session:
        assert session.query("select count(*) from raw.items") == [(len(world.landed(contract)),)]


@contextmanager
def database_clock(*, off_by: timedelta) -> Iterator[None]:
    """Set the database's clock, as the horizon sees it, wrong by this much."""

    def shifted(connection: Connection, *, margin: timedelta) -> Horizon:
        horizon = read_horizon(connection, margin=margin)
        assert horizon.at is not None
        return replace(horizon, at=horizon.at + off_by, read_at=horizon.read_at + off_by)

    with patch("ingest.sources.postgres.reader.read_horizon", shifted):
        yield


@pytest.mark.parametrize(("deletes", "landed"), [(Deletes.NONE, 0), (Deletes.KEYS, 1)])
def test_a_database_clock_that_is_turned_back_moves_no_watermark_back_and_is_told_with_the_way_out(
    world: World, deletes: Deletes, landed: int
) -> None:
    """Rows written until the clock has passed the watermark again lie below it. A keys pass lands those that are new, a
    backfill all of them."""
    world.execute(ITEMS)
    contract = world.contract("items", deletes=deletes)
    world.execute("insert into items values (1, 'before')")
    with database_clock(off_by=timedelta(hours=1)):
        ahead = world.run(contract)
    world.execute("insert into items values (2, 'after')")
    world.execute("update items set value = 'changed' where id = 1")
    behind = world.run(contract)

    assert ahead.watermark_after is not None
    assert behind.watermark_after == ahead.watermark_after
    assert behind.rows_landed == landed
    assert any("clock" in notice and "ingest backfill items" in notice for notice in behind.notices), behind.notices

    with open_ingestion(world.settings, [contract], "backfill", store=world.store) as run:
        run.backfill("items", start=datetime.now(UTC) - timedelta(minutes=5), end=ahead.watermark_after)
    with database_clock(off_by=timedelta(hours=2)):
        caught_up = world.run(contract)
    assert caught_up.notices == ()
    world.assert_equal_to_source(contract)
