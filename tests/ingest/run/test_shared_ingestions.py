"""Streams of one run, landed by several processes, are read at one moment: nothing is lost or doubled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg2.errors import LockNotAvailable

from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError, ConflictError
from ingest.lake.commit import CommitKind
from ingest.run.context import StreamResult
from ingest.run.runner import open_ingestion
from ingest.run.shared import SharedIngestion
from ingest.sources.postgres.reader import SharedSnapshot
from tests.ingest.run.world import ITEMS, World, share_ingestion

RUN = "the run"


@pytest.fixture
def items(world: World) -> World:
    world.execute(ITEMS)
    world.execute("insert into items select g, 'row ' || g from generate_series(1, 100) g")
    world.execute("create table parts (like items including all)")
    world.execute("create trigger touch before update on parts for each row execute function touch()")
    world.execute("insert into parts select id, value from items")
    return world


def land(world: World, contract: StreamContract, shared: SharedIngestion, *, run_id: str = RUN) -> StreamResult:
    """Land one stream of a run, as another process would that got `shared` as JSON."""
    sent = SharedIngestion.model_validate_json(shared.model_dump_json())
    with open_ingestion(world.settings, [contract], run_id, store=world.store, shared=sent) as run:
        return run.ingest(contract.stream)


def test_streams_that_are_landed_one_after_the_other_are_of_one_moment(items: World) -> None:
    contracts = [items.contract("items"), items.contract("parts")]
    with share_ingestion(items.settings, contracts, store=items.store) as shared:
        land(items, contracts[0], shared)
        items.execute("insert into items values (500, 'later')")
        items.execute("insert into parts values (500, 'later')")
        items.execute("delete from parts where id = 1")
        result = land(items, contracts[1], shared)

    assert shared.snapshot is not None
    assert result.rows_landed == 100
    assert result.watermark_after == shared.snapshot.horizon.at
    assert {key[0] for key in items.current(contracts[1])} == set(range(1, 101))
    for contract in contracts:
        items.run(contract)
        items.assert_equal_to_source(contract)


def test_a_worker_takes_over_what_one_that_died_had_committed(items: World) -> None:
    contract = items.contract("items")
    with share_ingestion(items.settings, [contract], store=items.store) as shared:
        with open_ingestion(items.settings, [contract], RUN, store=items.store, shared=shared) as died:
            died.ingest("items", keys=False)
        result = land(items, contract, shared)

    assert [commit.kind for commit in result.commits] == [CommitKind.DATA, CommitKind.DELETES]
    assert result.rows_landed == 100
    assert len(items.commits(contract)) == 2
    items.assert_equal_to_source(contract)


def test_a_run_that_another_has_overtaken_lands_nothing(items: World) -> None:
    contract = items.contract("items")
    with share_ingestion(items.settings, [contract], store=items.store) as shared:
        items.execute("insert into items values (500, 'seen by the other run alone')")
        items.run(contract)
        with pytest.raises(ConflictError, match="another writer committed version 2 first"):
            land(items, contract, shared)

    items.assert_equal_to_source(contract)


def test_where_the_snapshot_has_ended_the_stream_is_read_at_one_of_its_own(items: World) -> None:
    contract = items.contract("items")
    with share_ingestion(items.settings, [contract], store=items.store) as shared:
        pass
    items.execute("insert into items values (500, 'landed by another run in between')")
    items.run(contract)
    items.execute("insert into items values (501, 'new')")
    result = land(items, contract, shared)

    assert result.rows_landed == 1
    items.assert_equal_to_source(contract)


def test_a_table_stays_locked_against_rewrites_when_the_process_that_shared_it_is_gone(items: World) -> None:
    contract = items.contract("items")
    with share_ingestion(items.settings, [contract], store=items.store) as shared:
        joined = open_ingestion(items.settings, [contract], RUN, store=items.store, shared=shared)
        run = joined.__enter__()
    try:
        items.execute("set lock_timeout = '100ms'")
        with pytest.raises(LockNotAvailable):
            items.execute("alter table items alter column value type varchar(40)")
        result = run.ingest("items")
    finally:
        joined.__exit__(None, None, None)

    assert result.rows_landed == 100
    items.assert_equal_to_source(contract)


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(days=365)])
def test_a_horizon_that_postgres_has_not_reached_is_refused(items: World, ahead: timedelta) -> None:
    """Otherwise anybody who can ask a worker to land a stream could make it skip rows."""
    contract = items.contract("items")
    with (
        share_ingestion(items.settings, [contract], store=items.store) as shared,
        items.other_session() as other,
        other.cursor() as cursor,
    ):
        cursor.execute("select clock_timestamp()")
        (now,) = cursor.fetchone() or ()
        assert shared.snapshot is not None
        told = replace(shared.snapshot.horizon, at=now + ahead)
        forged = shared.model_copy(update={"snapshot": SharedSnapshot(shared.snapshot.name, told)})
        with pytest.raises(ConfigurationError, match="is later than that of Postgres"):
            land(items, contract, forged)
        assert items.commits(contract) == []
        # A transaction that has begun since holds nothing up.
        assert land(items, contract, shared).rows_landed == 100
