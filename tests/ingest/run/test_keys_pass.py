"""The keys pass over any history: deleted keys get tombstones, returned ones are landed, and little is written.

The source is a set of keys in memory, which may change between runs with or without a keys pass.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.contracts.model import StreamContract
from ingest.errors import ConflictError, TransientError
from ingest.lake import layout
from ingest.lake.batch import Batch
from ingest.lake.commit import Commit, CommitKind, KeySetMark, unmoved
from ingest.lake.gc import find_orphans, remove
from ingest.lake.key_set import KeySetTree, read_tree
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.context import IngestionContext
from ingest.run.keys_pass import KeysPass, Returned
from ingest.settings import IngestSettings, LakeSettings
from tests.orchestration.lake_builder import LakeBuilder, contract

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AT = datetime(2026, 3, 1, tzinfo=UTC)
TYPES: dict[str, Any] = {"number": "bigint", "word": "text", "amount": "numeric(12,2)", "day": "date"}
Key = tuple[Any, ...]


@dataclass
class Source:
    """The keys of one stream at a source, and the runs that land them."""

    store: ObjectStore
    of: StreamContract
    lake_settings: LakeSettings
    keys: set[Key] = field(default_factory=set)
    returned: list[set[Key]] = field(default_factory=list)

    def land(self, keys: Iterable[Key]) -> None:
        """Do a run that lands rows of these keys and does not look for deletions."""
        self._land(self._context(self.store), set(keys), CommitKind.DATA)

    def look(self, store: ObjectStore | None = None, *, whole: bool = False, order: int = 1) -> None:
        """Do a keys pass. The source gives its keys in some order."""
        context = self._context(store or self.store)

        def land(keys: Returned) -> None:
            found = {tuple(row.values()) for batch in keys for row in batch.to_pylist()}
            self.returned.append(found)
            if found:
                self._land(context, found, CommitKind.BACKFILL)

        given = sorted(self.keys, key=repr)[::order]
        batches = [self._batch(given[start : start + 100]) for start in range(0, len(given), 100)]
        KeysPass(context, self.of, land).run(batches, self._schema, whole=whole)

    @property
    def living(self) -> set[Key]:
        """The keys that live in the lake, by its log and files alone."""
        landed: dict[Key, int] = {}
        gone: dict[Key, int] = {}
        for commit in self.commits:
            for key in self.keys_of(commit):
                (gone if commit.kind is CommitKind.DELETES else landed)[key] = commit.version
        return {key for key, version in landed.items() if version > gone.get(key, 0)}

    @property
    def commits(self) -> list[Commit]:
        return list(CommitLog(self.store, self.of.stream).since(0))

    def keys_of(self, commit: Commit) -> list[Key]:
        return [key for file in commit.files for key in self._read(file.key)]

    @property
    def mark(self) -> KeySetMark:
        mark = self.commits[-1].key_set
        assert mark is not None
        return mark

    @property
    def tree(self) -> KeySetTree:
        return read_tree(self.store, self.of.stream, self.mark)

    def set_keys(self) -> list[Key]:
        """Return the keys of the newest set, in its order."""
        return [key for name in self.tree.chunks for key in self._read(layout.set_object_key(self.of.stream, name))]

    def objects(self) -> set[str]:
        return {item.key for item in self.store.list(f"_keys/{self.of.stream}/")}

    def _read(self, key: str) -> list[Key]:
        body = self.store.get(key)
        assert body is not None, key
        table = pq.read_table(io.BytesIO(body), columns=list(self.of.key))
        return list(zip(*(table[name].to_pylist() for name in self.of.key), strict=True))

    def _land(self, context: IngestionContext, keys: set[Key], kind: CommitKind) -> None:
        schema = pa.schema([(column.name, column.landing.arrow) for column in self.of.columns])
        origin = context.origin(self.of.stream)
        with Batch(self.store, self.of, origin, kind=kind, columns=schema, target_file_bytes=2**20) as batch:
            rows = [dict(zip(self.of.key, key, strict=True)) | {"updated_at": AT} for key in sorted(keys, key=repr)]
            batch.write(pa.RecordBatch.from_pylist(rows, schema=schema))
            context.committed(batch.commit(window=None, watermark=unmoved(origin.parent)))

    def _context(self, store: ObjectStore) -> IngestionContext:
        loaded = IngestSettings(lake=self.lake_settings, postgres_dsn="postgresql://nobody@nowhere/none")  # type: ignore[arg-type]
        context = IngestionContext(loaded, store, "run", lambda stream, rows: None)
        context.heads[self.of.stream] = CommitLog(store, self.of.stream).head()
        return context

    @property
    def _schema(self) -> pa.Schema:
        return pa.schema([(column.name, column.landing.arrow) for column in self.of.key_columns])

    def _batch(self, keys: Sequence[Key]) -> pa.RecordBatch:
        columns = zip(*keys, strict=True)
        arrays = [pa.array(values, type=item.type) for values, item in zip(columns, self._schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


def source(store: ObjectStore, lake_settings: LakeSettings, *key: str) -> Source:
    stream = f"p{len(list(store.list('_log/')))}"
    columns = {name: TYPES[name] for name in key} | {"updated_at": "timestamptz"}
    return Source(store, contract(columns, stream=stream, key=key), lake_settings)


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3)
VALUES = {
    "number": st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1),
    "word": st.sampled_from(["", "a", "A", "ä", "Z", "z\N{COMBINING DIAERESIS}", "𝄞", "ﬀ"]) | WORDS,
    "amount": st.decimals(-99, 99, places=2),
    "day": st.dates(),
}
NAMES = st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=3, unique=True)


@pytest.mark.slow
@given(data=st.data(), names=NAMES)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_a_pass_the_lake_has_the_keys_of_the_source(
    store: ObjectStore, lake_settings: LakeSettings, data: st.DataObject, names: list[str]
) -> None:
    """Keys come and go, also between two passes, and come back without being landed; of any type, in any order."""
    world = source(store, lake_settings, *names)
    pool = data.draw(st.lists(st.tuples(*(VALUES[name] for name in names)), min_size=1, max_size=8, unique=True))
    some = st.frozensets(st.sampled_from(pool))
    for _ in range(data.draw(st.integers(1, 4))):
        for landed in data.draw(st.lists(some, max_size=2)):
            world.keys |= landed
            world.land(landed)
            world.keys -= data.draw(some)
        world.keys |= data.draw(some)
        before, calls = world.living, len(world.returned)
        world.look(order=data.draw(st.sampled_from([1, -1])), whole=data.draw(st.booleans()))
        assert world.living == world.keys
        assert [keys for keys in world.returned[calls:] if keys] == [keys for keys in [world.keys - before] if keys]
        assert sorted(world.set_keys(), key=repr) == sorted(world.keys, key=repr)
        passes = len(world.commits)
        world.look()
        assert len(world.commits) == passes, "nothing has changed since"
        remove(store, world.of, find_orphans(store, world.of, grace=timedelta(0)), run_id="gc")


@pytest.fixture
def large(store: ObjectStore, lake_settings: LakeSettings) -> Source:
    world = source(store, lake_settings, "number")
    world.keys = {(number,) for number in range(0, 60_000, 3)}
    world.land(world.keys)
    world.look()
    return world


def test_a_key_that_goes_or_comes_changes_its_own_chunk_and_the_way_to_it(large: Source) -> None:
    before, objects = large.tree, large.objects()
    assert len(before.chunks) > 40
    assert large.set_keys() == sorted(large.keys)
    large.keys -= {(27_003,)}
    large.keys |= {(60_000,)}
    large.land([(60_000,)])
    large.look()
    after = large.tree
    assert len(set(after.chunks) - set(before.chunks)) <= 3
    written = [item for item in large.store.list(f"_keys/{large.of.stream}/") if item.key not in objects]
    assert len(written) <= 2 * 3 + 2
    assert sum(item.bytes for item in written) < 6_000
    assert large.keys_of(large.commits[-1]) == [(27_003,)]
    assert large.mark.rows == 20_000


def test_a_size_of_chunks_is_kept_until_it_is_far_off(large: Source) -> None:
    size = large.mark.chunk_rows
    large.keys = {(number,) for number in range(0, 60_000, 30)}
    large.look()
    assert (large.mark.chunk_rows, large.living) == (size, large.keys)


@pytest.mark.slow
def test_passes_that_find_nothing_commit_now_and_then_so_that_none_has_much_to_read(
    store: ObjectStore, lake_settings: LakeSettings
) -> None:
    world = source(store, lake_settings, "number")
    world.keys = {(1,), (2,)}
    world.land(world.keys)
    world.look()
    for _ in range(20):
        world.land([(1,)])
        world.look()
    deletes = [commit.version for commit in world.commits if commit.kind is CommitKind.DELETES]
    assert (len(world.commits) - len(deletes), len(deletes)) == (21, 2)
    assert max(later - earlier for earlier, later in pairwise(deletes)) <= 16


@pytest.mark.parametrize("damage", ["chunk", "node", "root"])
def test_a_set_that_cannot_be_read_is_made_anew_from_the_lake(large: Source, damage: str) -> None:
    tree = large.tree
    name = {"chunk": tree.chunks[5], "node": tree.nodes[-1], "root": large.mark.root}[damage]
    large.keys -= set(sorted(large.keys)[:10_000])
    large.store.put(layout.set_object_key(large.of.stream, name), b"not this")
    large.look()
    assert large.living == large.keys
    assert large.set_keys() == sorted(large.keys)


def test_a_set_whose_key_has_changed_is_not_compared_with(store: ObjectStore, lake_settings: LakeSettings) -> None:
    world = source(store, lake_settings, "number", "word")
    world.keys = {(1, "a"), (2, "b")}
    world.land(world.keys)
    world.look()
    columns = {"number": "bigint", "word": "text", "updated_at": "timestamptz"}
    world.of = contract(columns, stream=world.of.stream, key=("word",))
    world.keys = {("a",)}
    world.look()
    assert world.living == {("a",)}
    assert (world.mark.key, world.set_keys()) == (("word",), [("a",)])


@pytest.mark.parametrize("later", [False, True])
def test_the_first_pass_over_an_older_releases_lake_lands_every_deletion(
    store: ObjectStore, lake_settings: LakeSettings, *, later: bool
) -> None:
    """Whatever its key sets have shown, by the newest of them; and what was landed, has gone or is back since."""
    world = source(store, lake_settings, "number")
    older = LakeBuilder(store, world.of)
    older.data([{"number": number, "updated_at": AT} for number in range(1, 7)])
    older.keys([{"number": number} for number in (2, 3, 4)])
    older.keys([{"number": number} for number in (3, 4, 5)])
    if later:
        older.data([{"number": number, "updated_at": AT} for number in (1, 8, 9)])
    world.keys = {(1,), (3,), (5,), (9,)}
    world.look()
    assert world.living == {(1,), (3,), (5,), (9,)}
    assert world.returned == [{(9,)} - ({(9,)} if later else set()) | ({(1,)} - ({(1,)} if later else set()))]
    assert world.keys_of(world.commits[-1]) == [(number,) for number in ([2, 4, 6, 8] if later else [2, 4, 6])]


class DyingStore(ObjectStore):
    """A store that fails from one of its writes on: what was written before it is there."""

    def __init__(self, lake_settings: LakeSettings, client: S3Client, *, at: int) -> None:
        super().__init__(lake_settings, client)
        self.left = at

    def _write(self, write: Any, *arguments: Any) -> None:
        self.left -= 1
        if self.left <= 0:
            raise TransientError("killed")
        write(*arguments)

    def put(self, key: str, body: bytes) -> None:
        self._write(super().put, key, body)

    def put_if_absent(self, key: str, body: bytes) -> None:
        self._write(super().put_if_absent, key, body)

    def upload(self, path: Any, key: str, sha256: str) -> None:
        self._write(super().upload, path, key, sha256)


@pytest.mark.slow
def test_a_pass_that_dies_at_any_write_is_true_by_its_commit_alone(
    store: ObjectStore, lake_settings: LakeSettings, s3_client: S3Client
) -> None:
    at, died = 0, True
    while died:
        at += 1
        world = source(store, lake_settings, "number")
        world.keys = {(number,) for number in range(1_000)}
        world.land(world.keys)
        world.look()
        world.keys = {(number,) for number in range(500, 1_000)} | {(-1,)}
        before, committed = world.living, len(world.commits)
        dying = DyingStore(lake_settings, s3_client, at=at)
        with suppress(TransientError):
            world.look(dying)
        died = dying.left <= 0
        deletes = [commit for commit in world.commits[committed:] if commit.kind is CommitKind.DELETES]
        assert world.living - {(-1,)} == (world.keys if deletes else before) - {(-1,)}
        remove(store, world.of, find_orphans(store, world.of, grace=timedelta(0)), run_id="gc")
        world.look()
        assert world.living == world.keys
        assert world.set_keys() == sorted(world.keys)
    assert at > 4


def test_of_two_passes_at_once_one_wins(large: Source) -> None:
    large.keys -= {(3,)}

    class Overtaken(ObjectStore):
        def put_if_absent(self, key: str, body: bytes) -> None:
            large.look()
            super().put_if_absent(key, body)

    with pytest.raises(ConflictError):
        large.look(Overtaken(large.lake_settings))
    assert (len(large.commits), large.living) == (3, large.keys)
    remove(large.store, large.of, find_orphans(large.store, large.of, grace=timedelta(0)), run_id="gc")
    assert large.set_keys() == sorted(large.keys)


def test_gc_keeps_what_the_newest_two_passes_need_and_no_more(large: Source) -> None:
    for gone in range(0, 12_000, 3_000):
        large.keys -= {(gone,)}
        large.look()
    removed = remove(large.store, large.of, find_orphans(large.store, large.of, grace=timedelta(0)), run_id="gc")
    marks = [commit.key_set for commit in large.commits if commit.kind is CommitKind.DELETES][-2:]
    trees = [read_tree(large.store, large.of.stream, mark) for mark in marks if mark]
    needed = {layout.set_object_key(large.of.stream, name) for tree in trees for name in (*tree.chunks, *tree.nodes)}
    assert removed.old
    assert large.objects() == needed
    large.keys -= {(15_000,)}
    large.look()
    assert large.living == large.keys
