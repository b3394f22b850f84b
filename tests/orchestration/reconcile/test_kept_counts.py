"""An incremental count equals a count of the whole lake, and reads only new commits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError, FatalError
from ingest.lake import layout
from ingest.lake.commit import Counts, Window
from ingest.lake.objects.store import ObjectStore
from ingest.run.quarantine import Quarantine
from orchestration.ops.quarantine import quarantine_rows
from orchestration.reconcile.kept import KeptCounts, name_of
from orchestration.reconcile.lake import LakeCount, LakeCounter
from orchestration.warehouse.ops.rows import QuarantineRow
from tests.orchestration.lake_builder import AT, LakeBuilder, contract, thing

HOUR = timedelta(hours=1)
WITHIN = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def kept(store: ObjectStore, directory: Path, *, anew: bool = False) -> LakeCounter:
    """Return a counter that continues from the files in `directory`."""
    return LakeCounter(store, kept=KeptCounts(directory, anew=anew))


def same(
    store: ObjectStore, directory: Path, of: StreamContract, version: int, in_flight: pa.Table | None
) -> LakeCount:
    """Return the count at a version, after a check that it equals a count of the whole lake."""
    found = kept(store, directory).count(of, version, in_flight)
    assert found == LakeCounter(store).count(of, version, in_flight)
    return found


Shown = dict[tuple[int, str], QuarantineRow]
"""By version and reason, what readers of the records of runs see: all that the newest run says, and what older ones say
of settled records.
"""


def same_quarantine(
    store: ObjectStore, directory: Path, of: StreamContract, shown: Shown, news: Sequence[int] | None
) -> Shown:
    """Return what is shown after the next run, after a check that it is what a reading of the whole lake finds.

    `news` are the versions since the run before; None stands for a run of everything.
    """
    rows = quarantine_rows(store, [of], "run", KeptCounts(directory), None if news is None else {of.stream: news})
    if rows:
        settled = {place: row for place, row in shown.items() if row.state == "settled"}
        shown = settled | {(row.version, row.reason): row for row in rows}
    records = Quarantine(store, of).records()
    every = Counter((each.version, each.reason) for each in records)
    still_open = Counter((each.version, each.reason) for each in records if each.is_open)
    assert {place: row.records for place, row in shown.items()} == every
    assert {place: row.open_records for place, row in shown.items() if row.open_records} == still_open
    return shown


def files_of(lake: LakeBuilder, version: int) -> list[str]:
    commit = lake.log.required(version)
    return [file.key for file in (*commit.files, *commit.quarantine)]


Land = Callable[[LakeBuilder, frozenset[int]], object]
LANDS: dict[str, Land] = {
    "data": lambda lake, ids: lake.data([thing(id_) for id_ in sorted(ids)]),
    "two files": lambda lake, ids: lake.data([thing(id_) for id_ in ids], [thing(id_) for id_ in ids]),
    "backfill": lambda lake, ids: lake.backfill([thing(id_) for id_ in sorted(ids)]),
    "deletes": lambda lake, ids: lake.deletes([{"id": id_} for id_ in sorted(ids)]),
    "keys": lambda lake, ids: lake.keys([{"id": id_} for id_ in sorted(ids)]),
    "snapshot": lambda lake, ids: lake.snapshot([thing(id_) for id_ in sorted(ids)]),
    "replay": lambda lake, _: lake.replay(1),
}
LOOKS_FOR_DELETIONS = contract()
NOW = st.sampled_from(
    [*[LOOKS_FOR_DELETIONS] * 4, None, contract(deletes="none"), contract(mode="snapshot", deletes="none")]
)
IDS = st.frozensets(st.integers(1, 4), min_size=1, max_size=3)


@pytest.mark.slow
@given(
    steps=st.lists(st.tuples(st.sampled_from(sorted(LANDS)), IDS, NOW), min_size=1, max_size=8),
    data=st.data(),
)
@settings(max_examples=8, **WITHIN)
def test_any_history_counted_now_and_then(
    store: ObjectStore,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, frozenset[int], StreamContract | None]],
    data: st.DataObject,
) -> None:
    """`steps` are the landed commits, each with the contract under which it is counted, if it is.

    RAW may fall behind.
    """
    stream = f"s{len(list(store.list('_log/')))}"
    lake, directory = LakeBuilder(store, contract(stream=stream)), tmp_path_factory.mktemp("kept")
    for version, (kind, ids, now) in enumerate(steps, 1):
        LANDS[kind](lake, ids)
        if now is not None:
            flying = data.draw(st.just(frozenset()) | IDS)
            keys = pa.table({"id": pa.array(sorted(flying), pa.int64())}) if flying else None
            under = replace(now, stream=stream)
            same(store, directory, under, data.draw(st.sampled_from([version, version, max(version - 1, 0)])), keys)


REFUSED = st.lists(
    st.tuples(
        st.none() | st.sampled_from("1234").map(lambda id_: json.dumps({"id": id_})), st.sampled_from([b"{", b"["])
    )
)


@pytest.mark.slow
@given(
    steps=st.lists(
        st.tuples(st.frozensets(st.sampled_from("1234")), REFUSED, st.sampled_from(["", "part", "whole"])),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=4, **WITHIN)
def test_any_quarantine_counted_now_and_then(
    store: ObjectStore,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[frozenset[str], list[tuple[str | None, bytes]], str]],
) -> None:
    stream = f"q{len(list(store.list('_log/')))}"
    events = contract({"id": "text", "updated_at": "timestamptz"}, stream=stream, deletes="none", source="saas")
    lake, directory = LakeBuilder(store, events), tmp_path_factory.mktemp("kept")
    shown: Shown = {}
    counted = 0
    for version, (ids, refused, by) in enumerate(steps, 1):
        files = (lake.quarantine(version, refused),) if refused else ()
        counts = Counts(read=len(ids) + len(refused), landed=len(ids), quarantined=len(refused))
        rows = [[{"id": id_, "updated_at": AT} for id_ in sorted(ids)]] if ids else []
        lake.data(*rows, quarantine=files, window=Window(start=None, end=AT), counts=counts)
        if by:
            same(store, directory, events, version, None)
            news = range(counted + 1, version + 1) if by == "part" else None
            shown, counted = same_quarantine(store, directory, events, shown, news), version
    same(store, directory, events, len(steps), None)
    same_quarantine(store, directory, events, shown, range(counted + 1, len(steps) + 1))


@pytest.mark.slow
def test_a_count_reads_no_more_of_a_long_log_than_of_a_short_one(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records without a key are judged by all commits, which no count reads twice."""
    events = contract({"id": "text", "updated_at": "timestamptz"}, stream="long", deletes="none", source="saas")
    lake = LakeBuilder(store, events)

    def land(*, refused: bool) -> None:
        version = lake.next_version
        files = (lake.quarantine(version, [(None, b"{")]),) if refused else ()
        window = Window(start=AT + version * HOUR, end=AT + (version + 1) * HOUR)
        counts = Counts(read=1 + refused, landed=1, quarantined=int(refused))
        lake.data([{"id": f"{version}", "updated_at": AT}], quarantine=files, window=window, counts=counts)

    for number in range(30):
        land(refused=number < 3)
    same(store, tmp_path, events, 30, None)

    same_quarantine(store, tmp_path, events, {}, None)

    read: list[str] = []
    get, download = ObjectStore.get, ObjectStore.download
    monkeypatch.setattr(ObjectStore, "get", lambda self, key: read.append(key) or get(self, key))
    monkeypatch.setattr(ObjectStore, "download", lambda self, key, *to: read.append(key) or download(self, key, *to))
    assert kept(store, tmp_path).count(events, 30, None).refused == 3
    assert read == [layout.commit_key("long", 30)], "that the log is still the one that was counted"
    land(refused=True)
    read.clear()
    assert kept(store, tmp_path).count(events, 31, None).refused == 4
    assert read == [layout.commit_key("long", version) for version in (30, 31)]
    read.clear()
    assert len(quarantine_rows(store, [events], "run", KeptCounts(tmp_path))) == 4
    commits = {layout.commit_key("long", version) for version in (30, 31)}
    assert set(read) == {layout.latest_key("long"), *commits, *(file.key for file in lake.log.required(31).quarantine)}


@pytest.mark.parametrize("name", ["version", "_version", 'we"ird', "order", "rows", "ключ"])
def test_a_key_of_any_name(store: ObjectStore, tmp_path: Path, name: str) -> None:
    lake = LakeBuilder(store, contract({name: "text", "updated_at": "timestamptz"}, key=(name,)))
    for ids in ("ab", "bc"):
        lake.data([{name: id_, "updated_at": AT} for id_ in ids])
        lake.deletes([{name: "a"}])
        counted = same(store, tmp_path, lake.contract, lake.next_version - 1, None)
    assert counted == LakeCount(current=2, refused=0, history=4)


def test_what_was_counted_is_not_read_again_unless_all_is_to_be_checked(
    lake: LakeBuilder, store: ObjectStore, tmp_path: Path
) -> None:
    lake.data([thing(1), thing(2)])
    assert same(store, tmp_path, lake.contract, 1, None).current == 2
    lake.data([thing(2), thing(3)])
    store.delete(files_of(lake, 1))
    assert kept(store, tmp_path).count(lake.contract, 2, None) == LakeCount(current=3, refused=0, history=4)
    with pytest.raises(FatalError, match="there is no such file"):
        kept(store, tmp_path, anew=True).count(lake.contract, 2, None)
    with pytest.raises(FatalError, match="there is no such file"):  # nothing of the failed one is kept
        kept(store, tmp_path).count(lake.contract, 2, None)


def test_a_count_that_breaks_off_leaves_the_one_before(lake: LakeBuilder, store: ObjectStore, tmp_path: Path) -> None:
    lake.data([thing(1)])
    same(store, tmp_path, lake.contract, 1, None)
    lake.data([thing(2)])
    lake.deletes([{"id": 1}])
    [lost] = files_of(lake, 3)
    body = store.get(lost)
    assert body is not None
    store.delete([lost])
    with pytest.raises(FatalError, match="there is no such file"):
        kept(store, tmp_path).count(lake.contract, 3, None)
    assert kept(store, tmp_path).count(lake.contract, 1, None).current == 1
    store.put(lost, body)
    assert same(store, tmp_path, lake.contract, 3, None) == LakeCount(current=1, refused=0, history=2)


def test_another_lake_of_the_same_name_and_length_is_counted_anew(
    lake: LakeBuilder, store: ObjectStore, tmp_path: Path
) -> None:
    lake.data([thing(1)], batch_id="one")
    assert same(store, tmp_path, lake.contract, 1, None).current == 1
    store.delete([item.key for item in store.list("_log/")])
    lake.data([thing(2), thing(3)], batch_id="another")
    lake.data([thing(4)])
    assert same(store, tmp_path, lake.contract, 2, None).current == 3


def test_a_key_that_became_wider(store: ObjectStore, tmp_path: Path) -> None:
    narrow, wide = (contract({"id": type_, "updated_at": "timestamptz"}) for type_ in ("integer", "bigint"))
    LakeBuilder(store, narrow).data([{"id": 1, "updated_at": AT}])
    same(store, tmp_path, narrow, 1, None)
    LakeBuilder(store, wide).data([{"id": 1, "updated_at": AT}, {"id": 2**40, "updated_at": AT}])
    same(store, tmp_path, narrow, 2, None)
    assert same(store, tmp_path, wide, 2, None).current == 2


def test_two_counts_at_once(lake: LakeBuilder, store: ObjectStore, tmp_path: Path) -> None:
    """The second count does not use the kept counts."""
    lake.data([thing(1)])
    with KeptCounts(tmp_path).file(name_of(store, "things")) as path:
        assert path is not None
        assert same(store, tmp_path, lake.contract, 1, None).current == 1
        assert not path.exists()


@pytest.mark.parametrize("damage", [b"", b"no database", b"\0" * 20_000])
def test_a_file_that_is_no_count_is_replaced(
    lake: LakeBuilder, store: ObjectStore, tmp_path: Path, damage: bytes
) -> None:
    lake.data([thing(1)])
    same(store, tmp_path, lake.contract, 1, None)
    (tmp_path / name_of(store, "things")).write_bytes(damage)
    assert same(store, tmp_path, lake.contract, 1, None).current == 1


def test_a_folder_that_cannot_be_written(lake: LakeBuilder, store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"cannot write .*Not a directory"):
        kept(store, tmp_path / "file" / "below").count(lake.contract, 0, None)
