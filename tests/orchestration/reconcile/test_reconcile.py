"""The reconciliation finds lost, doubled and leftover rows, and names the place."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.contracts.model import StreamContract
from ingest.errors import FatalError
from ingest.lake.commit import Counts, Window
from ingest.lake.objects.store import ObjectStore
from orchestration.reconcile.comparison import (
    Reconciler,
    Reconciliation,
    ReconciliationError,
    SourceSide,
    require_equal,
)
from orchestration.reconcile.lake import LakeCount, LakeCounter
from orchestration.settings import Schemas
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader, load_streams
from tests.orchestration.lake_builder import AT, LakeBuilder, contract, thing

STAGING = """
create or replace view staging.stg_things as
with current as (
    select id, name, _log_version from raw.things
    qualify row_number() over (partition by id order by _log_version desc, _row_number desc) = 1
)
select id, name from current
where not exists (
    select 1 from raw.things__deletes as d where d.id = current.id and d._log_version > current._log_version
)
"""


def load(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    with warehouse.connect() as session:
        [outcome] = load_streams(Loader(lake.store, "RAW", run_id="t"), session, [lake.contract], concurrency=1)
        session.execute("create schema if not exists staging")
        if lake.contract.lands_keys:
            session.execute(STAGING)
    assert outcome.error is None


def reload(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    """Reload as `python -m orchestration.warehouse reload` does."""
    with warehouse.connect() as session:
        Loader(lake.store, "RAW", run_id="t").forget(session, lake.contract)
    load(warehouse, lake)


def reconcile(
    warehouse: DuckDBWarehouse,
    lake: LakeBuilder,
    rows: int | None,
    in_flight: Sequence[int] = (),
    version: int | None = None,
) -> Reconciliation:
    """Reconcile the stream `things`. `rows` is the number of rows at the source."""
    keys = pa.table({"id": pa.array(in_flight, pa.int64())})
    side = {} if rows is None else {"things": SourceSide(rows, keys, version or lake.next_version - 1)}
    with warehouse.connect() as session:
        [result] = Reconciler(lake.store, Schemas()).reconcile(session, [lake.contract], side, staging=True)
    return result


@pytest.fixture
def loaded(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> LakeBuilder:
    """Five rows landed: one of them twice, one deleted, one deleted and inserted again. Four are current."""
    lake.data([thing(number) for number in range(1, 6)])
    lake.data([thing(1, "changed")])
    lake.deletes([{"id": number} for number in (4, 5)])
    lake.data([thing(5, "again")])
    load(warehouse, lake)
    return lake


def test_equal_counts(warehouse: DuckDBWarehouse, loaded: LakeBuilder) -> None:
    result = reconcile(warehouse, loaded, rows=4)
    assert result.equal
    assert (result.source, result.lake, result.raw, result.staging) == (4, 4, 4, 4)
    assert (result.lake_history, result.raw_history, result.version) == (7, 7, 4)
    require_equal([result])


def test_keys_in_flight_are_left_out_everywhere(warehouse: DuckDBWarehouse, loaded: LakeBuilder) -> None:
    """Row 2 is being changed, row 9 is not landed yet: the source counts neither below its horizon."""
    result = reconcile(warehouse, loaded, rows=3, in_flight=[2, 9])
    assert result.equal
    assert (result.lake, result.raw, result.staging, result.in_flight) == (3, 3, 3, 2)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            "delete from raw.things where id = 2",
            "the lake has 4 current rows, RAW 3",
        ),
        ("insert into raw.things select * from raw.things where id = 2", "the lake holds 7 landed rows, RAW 8"),
        ("delete from raw.things__deletes where id = 4", "the lake has 4 current rows, RAW 5"),
        (
            "create or replace view staging.stg_things as select id from raw.things",
            "RAW has 4 current rows, staging 7",
        ),
    ],
)
def test_damage_in_the_warehouse_is_found(
    warehouse: DuckDBWarehouse, loaded: LakeBuilder, damage: str, message: str
) -> None:
    with warehouse.connect() as session:
        session.execute(damage)
    result = reconcile(warehouse, loaded, rows=4)
    assert message in "; ".join(result.differences)
    with pytest.raises(ReconciliationError, match=r"1 of 1 streams differs:\n  things: ") as caught:
        require_equal([result])
    assert caught.value.stream == "things"
    view = "staging" in message
    assert ("`python -m orchestration.warehouse reload things`" in str(caught.value)) == (not view)
    assert ("stg_things.sql" in str(caught.value)) == view
    if not view:
        reload(warehouse, loaded)
        require_equal([reconcile(warehouse, loaded, rows=4)])


def test_a_row_that_was_never_landed_is_found(warehouse: DuckDBWarehouse, loaded: LakeBuilder) -> None:
    result = reconcile(warehouse, loaded, rows=5)
    assert result.differences == ("the source has 5 rows, the lake 4",)
    [way_out] = result.ways_out
    assert "`ingest verify things --repair`" in way_out
    assert "reload" not in way_out


def test_what_cannot_be_compared_is_not_compared(warehouse: DuckDBWarehouse, loaded: LakeBuilder) -> None:
    assert reconcile(warehouse, loaded, rows=None).note == "not counted at the source"
    overtaken = reconcile(warehouse, loaded, rows=99, version=3)
    assert overtaken.equal
    assert overtaken.source is None
    assert overtaken.note.startswith("another writer went on to version 4")
    loaded.data([thing(6)])
    behind = reconcile(warehouse, loaded, rows=99)
    assert behind.equal
    assert behind.note == "RAW is at version 4, the lake at 5"


def test_a_stream_without_a_staging_view_says_so(warehouse: DuckDBWarehouse, loaded: LakeBuilder) -> None:
    with warehouse.connect() as session:
        session.execute("drop view staging.stg_things")
    result = reconcile(warehouse, loaded, rows=4)
    assert result.equal
    assert result.note == "there is no staging view of this stream"


def test_a_stream_that_never_landed_anything(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    load(warehouse, lake)
    result = reconcile(warehouse, lake, rows=0)
    assert result.equal
    assert (result.lake, result.raw, result.staging) == (0, 0, 0)


def test_a_snapshot_counts_as_its_newest_version(warehouse: DuckDBWarehouse, store: ObjectStore) -> None:
    lake = LakeBuilder(store, contract({"id": "bigint"}, mode="snapshot", deletes="none"))
    lake.snapshot([{"id": 1}, {"id": 2}])
    lake.snapshot([{"id": 2}])
    load(warehouse, lake)
    assert reconcile(warehouse, lake, rows=1).lake == 1
    lake.snapshot([])
    load(warehouse, lake)
    result = reconcile(warehouse, lake, rows=0)
    assert result.equal
    assert (result.lake, result.raw_history) == (0, 3)


def test_rows_without_a_key_are_counted_as_a_multiset(warehouse: DuckDBWarehouse, store: ObjectStore) -> None:
    lake = LakeBuilder(store, contract({"a": "bigint"}, key=(), mode="snapshot", deletes="none"))
    lake.snapshot([{"a": 7}])
    lake.snapshot([{"a": 1}, {"a": 1}, {"a": None}, {"a": None}, {"a": 2}])
    load(warehouse, lake)
    result = reconcile(warehouse, lake, rows=5)
    assert result.equal
    assert (result.lake, result.raw) == (5, 5)


def test_equal_keys_of_a_stream_landed_whole_are_the_sources_own_affair(
    warehouse: DuckDBWarehouse, store: ObjectStore
) -> None:
    """Nothing enforces the key, so both rows are landed and counted."""
    lake = LakeBuilder(store, contract({"id": "bigint"}, mode="snapshot", deletes="none"))
    lake.snapshot([{"id": 1}, {"id": 1}, {"id": 2}])
    load(warehouse, lake)
    assert reconcile(warehouse, lake, rows=3).equal


def test_the_contract_decides_which_versions_count_not_what_was_landed_before(
    warehouse: DuckDBWarehouse, loaded: LakeBuilder
) -> None:
    """Deletions given up and looked for again, landed whole and by its cursor again: lake and RAW go by one rule."""
    with_keys, without, whole = (
        loaded.contract,
        contract(deletes="none"),
        contract(mode="snapshot", deletes="none"),
    )

    def counted(now: StreamContract) -> int:
        lake = LakeBuilder(loaded.store, now)
        load_only(warehouse, now, loaded.store)
        with warehouse.connect() as session:
            [result] = Reconciler(lake.store, Schemas()).reconcile(session, [now], {}, staging=False)
        require_equal([result])
        return result.lake

    assert counted(with_keys) == 4
    assert counted(without) == 5
    loaded.data([thing(6)])
    assert (counted(without), counted(with_keys)) == (6, 5)
    loaded.deletes([{"id": number} for number in (1, 2, 3, 5)])
    assert (counted(with_keys), counted(without)) == (1, 6)
    LakeBuilder(loaded.store, whole).snapshot([thing(8), thing(9)])
    assert counted(whole) == 2
    loaded.data([thing(9, "changed"), thing(10)])
    assert (counted(whole), counted(without), counted(with_keys)) == (2, 3, 3)


def test_refused_records_of_a_provider_are_counted_once(warehouse: DuckDBWarehouse, store: ObjectStore) -> None:
    """The source counts 7: three landed; 8 refused twice; two equal ones without a key and a third, read twice; 4
    landed and refused in one version.
    """
    events = contract({"id": "text", "updated_at": "timestamptz"}, deletes="none", source="saas")
    lake = LakeBuilder(store, events)
    rows = [{"id": name, "updated_at": AT} for name in ("1", "2", "4")]
    window = Window(start=None, end=AT)
    first = lake.quarantine(1, [('{"id":"8"}', b"{1}"), (None, b"{"), ('{"id":"4"}', b"{2}")])
    lake.data(rows, quarantine=(first,), window=window, counts=Counts(read=6, landed=3, quarantined=3))
    assert LakeCounter(store).count(events, 1, None) == LakeCount(current=3, refused=2, history=3)
    second = lake.quarantine(2, [('{"id":"8"}', b"{3}"), (None, b"["), (None, b"{"), (None, b"{")])
    lake.data(quarantine=(second,), window=window, counts=Counts(read=4, landed=0, quarantined=4))
    assert LakeCounter(store).count(events, 2, None) == LakeCount(current=3, refused=4, history=3)
    load(warehouse, lake)
    side = {"things": SourceSide(7, None, 2)}
    with warehouse.connect() as session:
        [result] = Reconciler(store, Schemas()).reconcile(session, [events], side, staging=False)
    assert result.equal
    assert (result.source, result.refused, result.expected) == (7, 4, 3)


@pytest.mark.parametrize("name", ["order", 'we"ird', "a/b~c", "a.b[0]", "$", "it's", "back\\slash"])
def test_a_key_of_any_name_counts_its_refused_rows(store: ObjectStore, name: str) -> None:
    columns = {name: "text", "updated_at": "timestamptz"}
    lake = LakeBuilder(store, contract(columns, key=(name,), deletes="none", source="saas"))
    refused = lake.quarantine(1, [(json.dumps({name: key}), b"{}") for key in ("1", "7", "8")])
    rows = [{name: key, "updated_at": AT} for key in ("1", "2")]
    lake.data(rows, quarantine=(refused,), counts=Counts(read=5, landed=2, quarantined=3))
    assert LakeCounter(store).count(lake.contract, 1, None) == LakeCount(current=2, refused=2, history=2)


def test_a_gap_in_the_log_is_found(warehouse: DuckDBWarehouse, loaded: LakeBuilder) -> None:
    loaded.store.delete([item.key for item in loaded.store.list("_log/things/0") if item.key.endswith("2.json")])
    with pytest.raises(FatalError, match="version 2 is missing in the lake's log"):
        reconcile(warehouse, loaded, rows=4)


def test_a_missing_file_is_found(warehouse: DuckDBWarehouse, loaded: LakeBuilder) -> None:
    first = loaded.log.read(1)
    assert first is not None
    loaded.store.delete([first.files[0].key])
    with pytest.raises(FatalError, match="there is no such file"):
        reconcile(warehouse, loaded, rows=4)


Step = tuple[str, frozenset[int]]
STEPS = st.lists(
    st.tuples(st.sampled_from(["data", "deletes"]), st.frozensets(st.integers(1, 6), max_size=4)),
    min_size=1,
    max_size=5,
)


@pytest.mark.slow
@given(
    older=STEPS,
    steps=STEPS,
    in_flight=st.frozensets(st.integers(1, 7), max_size=3),
    deletes=st.sampled_from(["keys", "none"]),
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lake_and_warehouse_count_any_history_alike(
    store: ObjectStore,
    tmp_path_factory: pytest.TempPathFactory,
    older: list[Step],
    steps: list[Step],
    in_flight: frozenset[int],
    deletes: str,
) -> None:
    """Against a model in plain Python: a key is current if it was landed since its newest tombstone, or since the
    newest key set of an older release, or is in that. The first deletions over such a set repeat what it has deleted.

    A contract that looks for no deletions knows of none, whatever an older one has landed.
    """
    lake = LakeBuilder(store, contract(stream=f"s{len(list(store.list('_log/')))}"))
    looks = deletes == "keys"
    current: set[int] = set()
    landed: set[int] = set()
    for release, kind, ids in [*(("older", *step) for step in older), *(("newer", *step) for step in steps)]:
        if kind == "data":
            lake.data([thing(id_) for id_ in sorted(ids)])
            current |= ids
            landed |= ids
        elif release == "older":
            lake.keys([{"id": id_} for id_ in sorted(ids)])
            current = landed & ids if looks else current
        else:
            gone = (landed - current) | ids if looks else ids
            lake.deletes([{"id": id_} for id_ in sorted(gone)])
            current -= ids if looks else set()
    now = contract(stream=lake.contract.stream, deletes=deletes)
    expected = current - in_flight
    keys = pa.table({"id": pa.array(sorted(in_flight), pa.int64())})
    warehouse = DuckDBWarehouse(tmp_path_factory.mktemp("w"), "w", store.settings)
    load_only(warehouse, now, store)
    side = {lake.contract.stream: SourceSide(len(expected), keys, len(older) + len(steps))}
    with warehouse.connect() as session:
        [result] = Reconciler(store, Schemas()).reconcile(session, [now], side, staging=False)
    assert result.equal
    assert (result.lake, result.raw) == (len(expected), len(expected))


def load_only(warehouse: DuckDBWarehouse, of: StreamContract, store: ObjectStore) -> None:
    with warehouse.connect() as session:
        load_streams(Loader(store, "RAW", run_id="t"), session, [of], concurrency=1)
