"""Every committed row is in RAW exactly once, whatever happens on the way."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from ingest.lake.objects.store import ObjectStore
from orchestration.warehouse.duckdb.session import DuckDBSession
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.orchestration.lake_builder import AT, LakeBuilder, contract, thing
from tests.orchestration.warehouse.loads import ledger, load, raw_ids, rewrite, rows


def test_versions_are_loaded_in_order_and_once(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1), thing(2)], [thing(3, price="19.99")])
    first = load(warehouse, lake)
    lake.data([thing(1, "b")])
    second = load(warehouse, lake)
    third = load(warehouse, lake)

    assert (first.commits, first.rows, first.files) == ((1,), 3, 2)
    assert (second.commits, second.rows) == ((2,), 1)
    assert (third.commits, third.rows, third.version) == ((), 0, 2)
    assert raw_ids(warehouse) == [1, 1, 2, 3]
    assert ledger(warehouse) == [(1, "data", 3), (2, "data", 1)]
    assert rows(
        warehouse, "select price, updated_at, _batch_id, _log_version, _row_number from raw.things where id = 3"
    ) == [(Decimal("19.99"), AT, "batch-1", 1, 3)]


def test_tombstones_are_appended(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1), thing(2), thing(3)])
    lake.deletes([{"id": 1}])
    first = load(warehouse, lake)
    lake.deletes([])
    lake.deletes([{"id": 2}, {"id": 3}])
    result = load(warehouse, lake)

    assert (first.rows, first.deletes) == (3, 1)
    assert (result.rows, result.deletes) == (0, 2)
    assert tombstones(warehouse) == [(1, 2), (2, 4), (3, 4)]
    assert ledger(warehouse)[1:] == [(2, "deletes", 1), (3, "deletes", 0), (4, "deletes", 2)]


def test_tombstones_are_loaded_where_deletions_were_given_up(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    """The contract may look for deletions again later, after those versions are loaded."""
    without = LakeBuilder(lake.store, contract(deletes="none"))
    lake.data([thing(1), thing(2)])
    lake.deletes([{"id": 1}])
    load(warehouse, without)
    lake.deletes([{"id": 2}])
    lake.replay(1)
    load(warehouse, without)
    assert tombstones(warehouse) == [(1, 2), (2, 3)]
    lake.deletes([{"id": 3}])
    load(warehouse, lake)
    assert tombstones(warehouse) == [(1, 2), (2, 3), (3, 5)]


def tombstones(warehouse: DuckDBWarehouse) -> list[tuple[object, ...]]:
    return rows(warehouse, "select id, _log_version from raw.things__deletes order by all")


def test_snapshots_and_backfills_are_appended(warehouse: DuckDBWarehouse, store: ObjectStore) -> None:
    columns = {"id": "bigint", "name": "text"}
    lake = LakeBuilder(store, contract(columns, mode="snapshot", deletes="none"))
    lake.snapshot([{"id": 1}, {"id": 2}])
    lake.snapshot([{"id": 2}])
    lake.snapshot([])
    load(warehouse, lake)
    assert rows(warehouse, "select _log_version, id from raw.things order by all") == [(1, 1), (1, 2), (2, 2)]
    assert ledger(warehouse) == [(1, "snapshot", 2), (2, "snapshot", 1), (3, "snapshot", 0)]


def test_a_replay_loads_the_named_versions_again(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    lake.data([thing(2)])
    lake.deletes([{"id": 1}, {"id": 2}])
    lake.backfill([thing(1, "again")])
    load(warehouse, lake)
    before = rows(warehouse, "select * from raw.things order by all")
    with warehouse.connect() as session:
        session.execute("update raw.things set name = 'damaged' where _log_version >= 2")
        session.execute("delete from raw.things__deletes")
    lake.replay(2)

    result = load(warehouse, lake)

    assert result.replayed
    assert result.reloaded == 4
    assert rows(warehouse, "select * from raw.things order by all") == before
    assert tombstones(warehouse) == [(1, 3), (2, 3)]
    assert ledger(warehouse)[-1] == (5, "replay", 0)


def test_a_replay_of_a_replay_and_a_first_load_that_meets_one(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    lake.replay(1)
    lake.data([thing(2)])
    lake.replay(1)
    load(warehouse, lake)
    assert raw_ids(warehouse) == [1, 2]


def test_a_version_of_more_than_fits_on_disk_at_once_is_loaded_in_groups(
    warehouse: DuckDBWarehouse, lake: LakeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.warehouse.duckdb.lake_files._GROUP_BYTES", 1)
    at_once: list[int] = []
    check = DuckDBSession._check_columns

    def count(self: DuckDBSession, *arguments: object) -> None:
        at_once.append(len(list(warehouse.path.parent.glob("*.loading/*/*.parquet"))))
        check(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(DuckDBSession, "_check_columns", count)
    lake.data(*[[thing(number)] for number in range(7)])
    assert load(warehouse, lake).rows == 7
    assert raw_ids(warehouse) == list(range(7))
    assert len(at_once) == 7
    assert max(at_once) <= 2
    assert list(warehouse.path.parent.glob("*.loading")) == []


def test_keys_with_odd_characters_are_read(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    commit = lake.data([thing(1)])
    body = lake.store.get(commit.files[0].key)
    assert body is not None
    odd = "inventory/things/dt=2026-03-01/o'dd +%41 é.parquet"
    lake.store.put(odd, body)
    rewrite(lake, commit.model_copy(update={"files": (commit.files[0].model_copy(update={"key": odd}),)}))
    assert load(warehouse, lake).rows == 1


def test_a_stream_of_many_small_versions(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    for number in range(12):
        lake.data([thing(number)])
    assert load(warehouse, lake).commits == tuple(range(1, 13))
    with warehouse.lock("test", wait=timedelta(0)):
        assert raw_ids(warehouse) == list(range(12))
