"""A missing or wrong commit stops its stream, with its name; and the documented remedies work."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest.apart import apart
from ingest.contracts.model import StreamContract
from ingest.errors import DamagedLakeError
from ingest.lake import layout
from ingest.lake.empty_commit import append_replay
from ingest.lake.gc import find_orphans, remove
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.quarantine import Quarantine
from ingest.run.runner import open_ingestion
from orchestration.reconcile.comparison import Reconciler, SourceSide, require_equal
from orchestration.settings import Schemas
from orchestration.warehouse.cli.status import stream_statuses
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader, load_streams
from tests.ingest.run.world import ITEMS, World

DATABASE = "DP_MAILBLAZE_DEMO_DEV_DB"


@pytest.fixture
def world(source_world: World) -> World:
    source_world.execute(ITEMS)
    source_world.execute("create table other (id bigint primary key)")
    return source_world


@pytest.fixture
def streams(world: World) -> list[StreamContract]:
    """`items` in four versions, `other` in one."""
    streams = [world.contract("items"), world.contract("other")]
    for number in (1, 2):
        world.execute(f"insert into items (id) values ({number})")
        world.execute("insert into other values (1) on conflict do nothing")
        for contract in streams:
            world.run(contract)
    assert [len(world.commits(contract)) for contract in streams] == [4, 1]
    return streams


@pytest.fixture
def warehouse(world: World, tmp_path_factory: pytest.TempPathFactory) -> DuckDBWarehouse:
    return DuckDBWarehouse(tmp_path_factory.mktemp("warehouse"), DATABASE, world.store.settings)


def take_away(store: ObjectStore, stream: str, version: int) -> bytes:
    key = layout.commit_key(stream, version)
    body = store.get(key)
    assert body is not None
    store.delete([key])
    return body


def load_and_compare(world: World, streams: list[StreamContract], warehouse: DuckDBWarehouse, *, anew: bool) -> None:
    """Do a run and a load (with `anew` into new tables, as `reload` does), and check the counts of all sides."""
    with open_ingestion(world.settings, streams, "after", store=world.store) as run:
        results = [run.ingest(contract.stream) for contract in streams]
    with warehouse.connect() as session:
        loader = Loader(world.store, "RAW", run_id="after")
        if anew:
            loader.forget(session, streams[0])
        outcomes = load_streams(loader, session, streams, concurrency=2)
        assert [outcome.error for outcome in outcomes] == [None, None]
        sources = {
            result.stream: SourceSide(
                result.source_count.rows, result.source_count.in_flight, len(world.commits(contract))
            )
            for contract, result in zip(streams, results, strict=True)
            if result.source_count is not None
        }
        counts = Reconciler(world.store, Schemas()).reconcile(session, streams, sources, staging=False)
    assert [(count.source, count.raw) for count in counts] == [(2, 2), (1, 1)]
    require_equal(counts)


def test_whoever_reads_a_log_with_a_gap_says_so_and_the_other_streams_go_on(
    world: World, streams: list[StreamContract], warehouse: DuckDBWarehouse
) -> None:
    items, other = streams
    take_away(world.store, "items", 2)
    with open_ingestion(world.settings, streams, "run", store=world.store) as run:
        with pytest.raises(DamagedLakeError, match="version 2 is missing") as caught:
            run.ingest("items")
        assert run.ingest("other").source_count is not None
    assert (caught.value.stream, caught.value.exit_code) == ("items", 2)
    assert len(list(world.store.list("_log/items/0"))) == 3
    with warehouse.connect() as session:
        loader = Loader(world.store, "RAW", run_id="load")
        loaded = {outcome.stream: outcome for outcome in load_streams(loader, session, streams, concurrency=1)}
        status = stream_statuses(world.store, session, "RAW", streams)
    assert isinstance(loaded["items"].error, DamagedLakeError)
    assert loaded["other"].error is None
    assert ([each.stream for each in status.results], [error.stream for error in status.errors]) == (
        ["other"],
        ["items"],
    )
    collected = apart(streams, lambda contract: find_orphans(world.store, contract, grace=timedelta(0)))
    assert [orphans.stream for orphans in collected.results] == ["other"]
    for read in (
        lambda: Quarantine(world.store, items),
        lambda: append_replay(world.store, items, from_version=1, run_id="r"),
        collected.require_sound,
    ):
        with pytest.raises(DamagedLakeError, match="version 2 is missing in the lake's log"):
            read()
    assert CommitLog(world.store, other.stream).head() is not None


def test_a_commit_that_is_brought_back_makes_all_well(
    world: World, streams: list[StreamContract], warehouse: DuckDBWarehouse
) -> None:
    body = take_away(world.store, "items", 3)
    with open_ingestion(world.settings, streams, "run", store=world.store) as run, pytest.raises(DamagedLakeError):
        run.ingest("items")
    world.store.put(layout.commit_key("items", 3), body)
    load_and_compare(world, streams, warehouse, anew=False)


def test_a_stream_whose_log_was_set_aside_is_landed_anew(
    world: World, streams: list[StreamContract], warehouse: DuckDBWarehouse
) -> None:
    """docs/RUNBOOK.md, "A commit is missing or damaged": the log is moved, the stream run, its tables reloaded."""
    load_and_compare(world, streams, warehouse, anew=False)
    take_away(world.store, "items", 3)
    for item in list(world.store.list(layout.log_prefix("items"))):
        body = world.store.get(item.key)
        assert body is not None
        world.store.put(f"_set_aside/{item.key}", body)
        world.store.delete([item.key])
    load_and_compare(world, streams, warehouse, anew=True)
    orphans = find_orphans(world.store, streams[0], grace=timedelta(0))
    remove(world.store, streams[0], orphans, run_id="gc")
    load_and_compare(world, streams, warehouse, anew=True)
