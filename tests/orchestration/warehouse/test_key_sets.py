"""A lake or a warehouse in which an older release has landed deletions, by sets of all keys: nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.lake.objects.store import ObjectStore
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.key_sets import key_set_table
from tests.orchestration.lake_builder import LakeBuilder, contract, thing
from tests.orchestration.warehouse.loads import load, rows


def tombstones(warehouse: DuckDBWarehouse, stream: str = "things") -> list[tuple[object, ...]]:
    return rows(warehouse, f"select id, _log_version from raw.{stream}__deletes order by all")


def living(warehouse: DuckDBWarehouse, stream: str) -> set[object]:
    found = rows(
        warehouse,
        f"select id from raw.{stream} group by id having max(_log_version) > coalesce("
        f"(select max(_log_version) from raw.{stream}__deletes as d where d.id = {stream}.id), 0)",
    )
    return {id_ for (id_,) in found}


def test_a_key_set_is_loaded_as_tombstones_of_what_it_lacks(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1), thing(2), thing(3)])
    lake.keys([{"id": 2}, {"id": 3}])
    first = load(warehouse, lake)
    assert (first.deletes, first.revived) == (1, 0)
    lake.data([thing(4)])
    lake.keys([{"id": 2}])
    load(warehouse, lake)
    assert tombstones(warehouse) == [(1, 2), (3, 4), (4, 4)]
    lake.data([thing(1)])
    lake.deletes([{"id": 2}])
    load(warehouse, lake)
    assert tombstones(warehouse) == [(1, 2), (2, 6), (3, 4), (4, 4)]
    assert living(warehouse, "things") == {1}


def test_a_key_that_a_later_set_has_again_lives_and_the_marts_are_built_anew(
    warehouse: DuckDBWarehouse, lake: LakeBuilder
) -> None:
    lake.data([thing(1), thing(2)])
    lake.keys([{"id": 2}])
    load(warehouse, lake)
    lake.keys([{"id": 1}, {"id": 2}])
    result = load(warehouse, lake)
    assert (tombstones(warehouse), result.revived) == ([], 1)
    assert result.changes_the_past(lake.contract)


def older_warehouse(warehouse: DuckDBWarehouse, lake: LakeBuilder, keys: list[int]) -> None:
    """Make the state that an older release leaves: no tombstones, and the newest key set as it was landed."""
    load(warehouse, lake)
    table = key_set_table(lake.contract, "RAW")
    with warehouse.connect() as session:
        session.execute("drop table raw.things__deletes")
        session.execute(f"drop table if exists {session.dialect.table(table)}")
        session.execute(session.dialect.create_table(table))
        for key in keys:
            session.execute(f"insert into {session.dialect.table(table)} values (?, 'b', 2, 1, now())", [key])


@pytest.mark.parametrize("keys", [[2, 3], []])
def test_a_warehouse_of_an_older_release_is_converted_once(
    warehouse: DuckDBWarehouse, lake: LakeBuilder, keys: list[int]
) -> None:
    lake.data([thing(1), thing(2), thing(3)])
    lake.keys([{"id": key} for key in keys])
    lake.data([thing(4)])
    older_warehouse(warehouse, lake, keys)
    load(warehouse, lake)
    assert tombstones(warehouse) == [(id_, 2) for id_ in (1, 2, 3) if id_ not in keys]
    assert rows(warehouse, "select table_name from duckdb_tables() where table_name ilike '%__keys'") == []
    load(warehouse, lake)
    assert len(tombstones(warehouse)) == 3 - len(keys)


def test_an_emptied_table_of_keys_deletes_nothing(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    """An older release's Terraform creates it anew."""
    lake.data([thing(1)])
    lake.keys([{"id": 1}])
    older_warehouse(warehouse, lake, [])
    load(warehouse, lake)
    assert tombstones(warehouse) == []


STEPS = st.lists(
    st.tuples(st.sampled_from(["data", "keys", "load"]), st.frozensets(st.integers(1, 5))), min_size=2, max_size=7
)


@pytest.mark.slow
@given(steps=STEPS, replay=st.booleans())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_sets_were_landed_the_tombstones_say_what_the_newest_says(
    store: ObjectStore, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, frozenset[int]]], replay: bool
) -> None:
    stream = f"k{len(list(store.list('_log/')))}"
    lake = LakeBuilder(store, contract(stream=stream))
    warehouse = DuckDBWarehouse(tmp_path_factory.mktemp("w"), "w", store.settings)
    landed: dict[int, int] = {}
    newest, present = 0, frozenset[int]()
    for kind, ids in steps:
        if kind == "data":
            version = lake.data([thing(id_) for id_ in sorted(ids)]).version
            landed |= dict.fromkeys(ids, version)
        elif kind == "keys":
            newest, present = lake.keys([{"id": id_} for id_ in sorted(ids)]).version, ids
        elif lake.next_version > 1:
            load(warehouse, lake)
    if replay and lake.next_version > 1:
        lake.replay(1)
    load(warehouse, lake)
    assert living(warehouse, stream) == {id_ for id_, at in landed.items() if at > newest or id_ in present}
