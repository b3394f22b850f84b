"""Runs over Postgres lose and double nothing, whatever breaks and whoever else writes."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from pydantic import SecretStr

from ingest.contracts.model import Clock, Deletes, Mode
from ingest.errors import AccessError, ConfigurationError, ConflictError, DataError, SchemaDriftError
from ingest.lake.commit import CommitKind
from ingest.lake.gc import find_orphans, remove
from ingest.lake.objects.store import ObjectStore
from ingest.run.runner import open_ingestion
from tests.ingest.run.world import ITEMS, World


@pytest.fixture
def items(world: World) -> World:
    world.execute(ITEMS)
    world.execute("insert into items select g, 'row ' || g from generate_series(1, 1000) g")
    return world


def test_the_first_run_lands_everything_and_the_next_only_what_changed(items: World) -> None:
    contract = items.contract("items")
    first = items.run(contract)
    items.execute("update items set value = 'changed' where id <= 3")
    items.execute("insert into items values (1001, 'new')")
    second = items.run(contract)

    assert (first.rows_landed, second.rows_landed) == (1000, 4)
    assert second.watermark_before == first.watermark_after
    items.assert_equal_to_source(contract)


def test_a_run_with_nothing_new_commits_nothing(items: World) -> None:
    contract = items.contract("items")
    items.run(contract)
    idle = items.run(contract)

    assert idle.commits == ()
    assert len(items.commits(contract)) == 2


def test_rows_that_share_a_cursor_are_landed_once_though_files_are_cut_among_them(items: World) -> None:
    items.execute("insert into items select g, repeat('x', 200) || g from generate_series(1001, 30000) g")
    contract = items.contract("items")
    small_files = items.settings.model_copy(update={"target_file_bytes": 1})
    result = World(small_files, items.connection, items.store).run(contract)

    assert result.commits[0].counts.landed == 30000
    numbers = [row["_row_number"] for row in items.rows(result.commits[0])]
    assert numbers == list(range(1, 30001))
    items.assert_equal_to_source(contract)


def test_a_window_that_ends_exactly_at_a_cursor_leaves_that_row_to_the_next(items: World) -> None:
    contract = items.contract("items")
    with items.other_session() as other:
        with other.cursor() as cursor:
            cursor.execute("insert into items values (2001, 'at the horizon') returning updated_at")
            at_horizon = cursor.fetchone()
        first = items.run(contract)
        other.commit()
    second = items.run(contract)

    assert at_horizon is not None
    assert first.watermark_after == at_horizon[0]
    assert 2001 not in {row["id"] for row in items.rows(first.commits[0])}
    assert [row["id"] for row in items.rows(second.commits[0])] == [2001]


def test_deleted_rows_disappear_and_come_back_when_inserted_again(items: World) -> None:
    contract = items.contract("items")
    items.run(contract)
    items.execute("delete from items where id <= 10")
    items.run(contract)
    assert len(items.current(contract)) == 990
    items.execute("insert into items values (1, 'again')")
    items.run(contract)
    items.assert_equal_to_source(contract)
    items.execute("truncate items")
    items.run(contract)
    assert items.current(contract) == {}


def test_keys_of_a_snapshot_never_delete_a_row_that_another_run_landed_after_it(items: World) -> None:
    contract = items.contract("items")
    items.run(contract)
    items.execute("delete from items where id = 1")
    with open_ingestion(items.settings, [contract], "early", store=items.store) as early:
        items.execute("insert into items values (5000, 'fresh')")
        items.run(contract)
        with pytest.raises(ConflictError):
            early.land_keys("items")
    assert (5000,) in items.current(contract)


def test_a_stream_without_cursor_lands_whole_and_only_when_it_changed(items: World) -> None:
    contract = items.contract("items", mode=Mode.SNAPSHOT, cursor=None, deletes=Deletes.NONE)
    first, same = items.run(contract), items.run(contract)
    items.execute("delete from items where id > 1")
    changed = items.run(contract)

    assert first.commits[0].kind is CommitKind.SNAPSHOT
    assert same.commits == ()
    assert changed.rows_landed == 1
    assert first.source_count is not None
    assert (first.source_count.rows, first.source_count.in_flight) == (1000, None)


def test_a_cursor_that_clients_write_is_read_again_within_its_lateness(items: World) -> None:
    items.execute("drop trigger touch on items")
    contract = items.contract(
        "items",
        mode=Mode.INCREMENTAL,
        cursor="updated_at",
        cursor_clock=Clock.CLIENT,
        allowed_lateness=timedelta(hours=1),
        deletes=Deletes.KEYS,
    )
    items.run(contract)
    items.execute("insert into items values (3000, 'late', now() - interval '30 minutes')")
    items.run(contract)

    items.assert_equal_to_source(contract)


def test_a_backfill_lands_a_window_again_and_leaves_the_watermark(items: World) -> None:
    contract = items.contract("items")
    first = items.run(contract)
    assert first.watermark_after is not None
    with open_ingestion(items.settings, [contract], "backfill") as run:
        result = run.backfill("items", start=datetime(2000, 1, 1, tzinfo=UTC), end=first.watermark_after)
        with pytest.raises(ConfigurationError, match="empty"):
            run.backfill("items", start=first.watermark_after, end=first.watermark_after)

    assert [commit.kind for commit in result.commits] == [CommitKind.BACKFILL]
    assert result.rows_landed == 1000
    assert result.watermark_after == first.watermark_after
    items.assert_equal_to_source(contract)


def test_of_two_runs_at_once_one_commits_and_the_other_says_that_it_lost(items: World) -> None:
    contract = items.contract("items")
    with open_ingestion(items.settings, [contract], "a") as a, open_ingestion(items.settings, [contract], "b") as b:
        won = a.ingest("items")
        with pytest.raises(ConflictError, match="another writer committed version 1 first") as lost:
            b.ingest("items")

    assert lost.value.exit_code == 3
    assert won.rows_landed == 1000
    assert len(items.landed(contract)) == 1000
    items.run(contract)
    items.assert_equal_to_source(contract)


class _KilledError(BaseException):
    """A stand-in for SIGKILL, which no code catches."""


@dataclass
class _Fuse:
    """A fuse that breaks at the `left`-th write, before or after it takes effect."""

    left: int
    after: bool
    burnt: bool = field(default=False)

    def pass_by(self, write: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.burnt = True
            if self.after:
                write()
            raise _KilledError
        write()


class _BreakingStore(ObjectStore):
    """A store whose process dies at a chosen write."""

    def __init__(self, world: World, fuse: _Fuse) -> None:
        super().__init__(world.settings.lake)
        self._fuse = fuse

    def put(self, key: str, body: bytes) -> None:
        self._fuse.pass_by(lambda: super(_BreakingStore, self).put(key, body))

    def put_if_absent(self, key: str, body: bytes) -> None:
        self._fuse.pass_by(lambda: super(_BreakingStore, self).put_if_absent(key, body))

    def upload(self, path: Path, key: str, sha256: str) -> None:
        self._fuse.pass_by(lambda: super(_BreakingStore, self).upload(path, key, sha256))


@pytest.mark.slow
def test_killed_before_or_after_any_write_the_next_run_makes_everything_equal(items: World) -> None:
    contract = items.contract("items")
    for generation, after in enumerate([False, True]):
        for point in range(1, 20):
            items.execute("update items set value = value || '.' where id %% 97 = %s", point)
            items.execute("delete from items where id = %s", 500 + point + 20 * generation)
            fuse = _Fuse(point, after)
            try:
                items.run(contract, store=_BreakingStore(items, fuse))
            except _KilledError:
                items.run(contract)
            items.assert_equal_to_source(contract)
            if not fuse.burnt:
                break
        else:
            pytest.fail("the fuse never outlived a run")

    versions = [(row["id"], row["updated_at"]) for row in items.landed(contract)]
    assert len(versions) == len(set(versions)), "a version of a row was landed twice"


def test_what_a_killed_run_left_is_read_by_nobody_and_removed_by_gc(items: World) -> None:
    contract = items.contract("items")
    with pytest.raises(_KilledError):
        items.run(contract, store=_BreakingStore(items, _Fuse(2, after=False)))
    left = find_orphans(items.store, contract, grace=timedelta(0))
    young = find_orphans(items.store, contract, grace=timedelta(hours=1))
    items.run(contract)
    remove(items.store, contract, left, run_id="gc")

    assert (len(left.old), len(young.old), len(young.young)) == (1, 0, 1)
    assert find_orphans(items.store, contract, grace=timedelta(0)).old == ()
    items.assert_equal_to_source(contract)


def test_a_backend_that_is_killed_in_mid_read_is_tried_again_on_a_new_snapshot(items: World) -> None:
    contract = items.contract("items")
    with open_ingestion(items.settings, [contract], "test") as run:
        items.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%ingest%' "
            "and datname = current_database()"
        )
        result = run.ingest("items")

    assert result.rows_landed == 1000
    items.assert_equal_to_source(contract)


def test_drift_stops_its_own_stream_before_anything_is_landed(items: World) -> None:
    contract = items.contract("items")
    items.execute("create table others (id bigint primary key)")
    other = items.contract("others")
    items.execute("alter table items drop column value; alter table others add column extra text")
    with open_ingestion(items.settings, [contract, other], "test") as run:
        with pytest.raises(SchemaDriftError, match="column 'value': the contract says text"):
            run.ingest("items")
        notices = run.ingest("others").notices

    assert items.commits(contract) == []
    assert "column 'extra'" in notices[0]


def test_the_source_count_leaves_out_what_is_in_flight_and_names_its_keys(items: World) -> None:
    contract = items.contract("items")
    items.run(contract)
    with items.other_session() as open_transaction:
        open_transaction.cursor().execute("select now()")
        items.execute("update items set value = 'in flight' where id = 7")
        result = items.run(contract)

    assert result.source_count is not None
    assert result.source_count.in_flight is not None
    assert result.source_count.rows == 999
    assert result.source_count.in_flight.to_pylist() == [{"id": 7}]


def test_a_policy_that_hides_rows_stops_the_stream_instead_of_deleting_them(items: World) -> None:
    contract = items.contract("items")
    items.run(contract)
    role = f"filtered_{items.query('select current_database()')[0][0]}"
    items.execute(f"create role {role} login password 'x'; grant select on items to {role}; grant pg_monitor to {role}")
    items.execute("alter table items enable row level security; create policy few on items using (id < 10)")
    dsn = items.settings.postgres_dsn.get_secret_value()
    filtered = items.settings.model_copy(
        update={"postgres_dsn": SecretStr(f"postgresql://{role}:x@{dsn.rpartition('@')[2]}")}
    )
    try:
        with pytest.raises(AccessError, match="row-level security"):
            World(filtered, items.connection, items.store).run(contract)
        assert len(items.current(contract)) == 1000
    finally:
        items.execute(f"drop owned by {role}; drop role {role}")


def test_a_text_of_no_known_encoding_stops_the_stream_at_once(world: World, empty_database: str) -> None:
    name = f"ascii_{empty_database.rpartition('/')[2]}"
    world.execute(f"create database {name} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0")
    try:
        dsn = f"{empty_database.rpartition('/')[0]}/{name}"
        with closing(psycopg2.connect(dsn)) as connection:
            connection.autocommit = True
            settings = world.settings.model_copy(update={"postgres_dsn": SecretStr(dsn)})
            unknown = World(settings, connection, world.store)
            unknown.execute("create table t (id int primary key, v text)")
            unknown.execute("insert into t values (1, convert_from('\\xe9'::bytea, 'SQL_ASCII'))")
            contract = unknown.contract("t")
            with pytest.raises(DataError, match=r"invalid byte sequence.*SQL_ASCII"):
                unknown.run(contract)
            assert unknown.commits(contract) == []
    finally:
        world.execute(f"drop database {name} with (force)")


def test_a_backfill_ends_at_the_horizon_and_says_so(source_world: World) -> None:
    """A row that claims to come from the future may still change below what a later run reads."""
    source_world.execute(ITEMS)
    items = source_world.contract("items")
    source_world.execute("insert into items (id, updated_at) values (1, now()), (2, now() + interval '1 day')")
    tomorrow = datetime.now(UTC) + timedelta(days=3)
    with open_ingestion(source_world.settings, [items], "test", store=source_world.store) as run:
        result = run.backfill("items", start=datetime(2000, 1, 1, tzinfo=UTC), end=tomorrow)
        nothing = run.backfill("items", start=tomorrow, end=tomorrow + timedelta(days=1))
    assert [row["id"] for row in source_world.landed(items)] == [1]
    assert result.notices[0].endswith(f": the window ends there, and not at {tomorrow.isoformat()}")
    assert nothing.notices[0].startswith("the source has settled until ")
    assert "there is nothing to land yet of" in nothing.notices[0]
    assert len(source_world.commits(items)) == 1
