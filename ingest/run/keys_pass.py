"""The keys pass: lands keys that are gone from the source as tombstones, and keys that came back as rows.

    source's keys --+
                    +--> gone: a commit of kind `deletes`, whose files hold their keys
    lake's keys   --+--> back, with a cursor that was read already: a commit of rows, before that one

The lake's keys are the set that the previous pass left, and the keys of all rows landed since. If there is no such
set (a first pass, an older release's lake, another key, a damaged set), they are read from the lake's files. A pass
takes effect only with its last commit: a pass that dies before it leaves files that nobody reads.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from ingest.contracts.model import StreamContract
from ingest.disk import disk_errors
from ingest.errors import ConflictError, DamagedLakeError
from ingest.lake import layout
from ingest.lake.batch import Batch
from ingest.lake.commit import Commit, CommitKind, DataFile, KeySetMark, unmoved
from ingest.lake.counting import APPENDED, counting_versions, newest_of
from ingest.lake.files.digest import RowsDigest
from ingest.lake.files.parquet import LocalParquet
from ingest.lake.key_set import (
    KeySetTree,
    SetObject,
    chunk_rows_for,
    content_of,
    encode_chunk,
    encode_nodes,
    read_object,
    read_tree,
)
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger
from ingest.run.context import IngestionContext
from ingest.run.key_difference import KeyDifference
from ingest.run.key_order import KeyOrder
from ingest.verify.lake_rows import downloaded

_WRITERS = 8
_UNDER_WAY = 64
_KEYS_AT_ONCE = 5_000
_KEPT_BYTES = 2**20
_REMEMBERED = 16
"""A pass that finds nothing commits nothing, until there are so many commits since the set: it reads their keys."""
_ONE_AT_A_TIME = threading.RLock()
"""Memory does not grow with the number of streams either. Keys are read at the source side by side."""

Returned = Iterator[pa.RecordBatch]
"""Keys at the source that do not live in the lake."""


@dataclass(frozen=True)
class KeysPass:
    """A pass over the keys of one stream, on top of the newest commit that the ingestion knows.

    The source's keys are read after that commit. So a key that was landed up to it and is not among them was deleted.
    `land_returned` lands the rows of keys that the lake lacks and that no window will read. A `first` pass has nothing
    to compare, because all landed rows are at the source.
    """

    context: IngestionContext
    contract: StreamContract
    land_returned: Callable[[Returned], None]
    first: bool = False

    def run(self, source: Iterable[pa.RecordBatch], schema: pa.Schema, *, whole: bool = False) -> None:
        """Compare the keys of `source` with the lake's, and commit the differences. With `whole`, do not use the
        previous set.

        Raises ConflictError if another writer committed first.
        """
        with tempfile.TemporaryDirectory(prefix="ingest-keys-") as name:
            folder = Path(name)
            with disk_errors(folder), closing(_Spool(folder / "source.parquet", schema)) as read:
                for keys in source:
                    read.add(keys)
                mark = None if whole else self._previous(schema)
                if mark and self._head and mark.version == self._head.version and mark.digest == read.digest:
                    return
                path = read.to_disk()
            pa.default_memory_pool().release_unused()
            with (
                _ONE_AT_A_TIME,
                KeyDifference(folder, self.contract, path, schema, ordered=read.is_ordered) as difference,
            ):
                self._compare(folder, difference, read, mark, schema)

    @property
    def _head(self) -> Commit | None:
        return self.context.heads[self.contract.stream]

    def _previous(self, schema: pa.Schema) -> KeySetMark | None:
        mark = self._head.key_set if self._head else None
        return mark if mark and mark.key == tuple(schema.names) else None

    def _compare(
        self, folder: Path, difference: KeyDifference, read: _Spool, mark: KeySetMark | None, schema: pa.Schema
    ) -> None:
        store, stream = self.context.store, self.contract.stream
        tree = self._tree(mark) if mark else None
        known = mark if tree else None
        chunk_rows = chunk_rows_for(read.rows, known.chunk_rows if known else None)
        plan = _SetPlan(folder, tree)
        for chunk in difference.chunks(chunk_rows):
            if plan.add_chunk(chunk) and tree is not None:
                difference.add_new_to_set(chunk)
        try:
            if tree is not None and known is not None:
                for path in _fetched(store, stream, folder, plan.dropped):
                    difference.add_seen([path], version=known.version)
        except DamagedLakeError as error:
            self._note_damage(error)
            difference.forget()
            self._compare(folder, difference, read, None, schema)
            return
        if not self.first:
            if known is None:
                difference.add_all_to_new()
            since = self._add_landed(folder, difference, known.version if known else 0)
            with closing(difference.unknown(since=since)) as unknown:  # type: ignore[type-var]
                self.land_returned(unknown)
        self._commit(difference, plan, read, chunk_rows, schema, known)

    def _tree(self, mark: KeySetMark) -> KeySetTree | None:
        try:
            return read_tree(self.context.store, self.contract.stream, mark)
        except DamagedLakeError as error:
            self._note_damage(error)
            return None

    def _note_damage(self, error: DamagedLakeError) -> None:
        """Log that the previous set is damaged and go on without it.

        Raises ConflictError if it was removed by newer passes.
        """
        head, newest = self._head, CommitLog(self.context.store, self.contract.stream).head()
        if head and newest and newest.version > head.version:
            raise ConflictError(
                f"version {newest.version} was committed meanwhile", stream=self.contract.stream
            ) from error
        get_logger(stream=self.contract.stream).warning(
            "the previous key set cannot be read; the keys are read from the lake's files", error=error.message
        )

    def _add_landed(self, folder: Path, difference: KeyDifference, since: int) -> int:
        """Add the keys that were landed, refused or deleted above version `since`.

        Returns the version from which on a key must have been seen to live. It is `since`, or the version of the key
        set with which an older release has last landed deletions.
        """
        last = self._head.version if self._head else 0
        log = CommitLog(self.context.store, self.contract.stream)
        commits = [commit for commit in log.since(since) if commit.version <= last] if last > since else []
        newest = newest_of(commits)
        counting = counting_versions(self.contract, newest)
        for commit in commits:
            if not counting.hold(commit.version):
                continue
            if commit.kind in APPENDED or commit.kind is CommitKind.DELETES or commit.version == counting.keys:
                self._add_seen(folder, difference, commit, kept=commit.version > _last_but_one(commits))
            for path in self._files(folder, commit.quarantine):
                difference.add_refused(path, version=commit.version)
        return max(since, counting.keys)

    def _add_seen(self, folder: Path, difference: KeyDifference, commit: Commit, *, kept: bool) -> None:
        import pyarrow.parquet as pq

        files = commit.landed_keys if kept and commit.landed_keys else commit.files
        for path in self._files(folder, files):
            if set(self.contract.key) <= set(pq.read_schema(path).names):
                difference.add_seen([path], version=commit.version, tombstones=commit.kind is CommitKind.DELETES)

    def _files(self, folder: Path, files: Sequence[DataFile]) -> Iterator[Path]:
        wanted = list(enumerate(file for file in files if file.rows))
        with downloaded(self.context.store, folder, wanted) as ahead:
            for file in ahead:
                yield file.path

    def _commit(
        self,
        difference: KeyDifference,
        plan: _SetPlan,
        read: _Spool,
        chunk_rows: int,
        schema: pa.Schema,
        known: KeySetMark | None,
    ) -> None:
        origin = self.context.origin(self.contract.stream)
        root, depth = plan.finish(origin.version)
        batch = Batch(
            self.context.store,
            self.contract,
            origin,
            kind=CommitKind.DELETES,
            columns=schema,
            target_file_bytes=self.context.settings.target_file_bytes,
        )
        with batch:
            with closing(difference.gone()) as gone:  # type: ignore[type-var]
                for keys in gone:
                    batch.write(keys)
            since = origin.version - known.version if known else _REMEMBERED
            if not batch.read and known and root == known.root and since < _REMEMBERED:
                return
            plan.upload(self.context.store, self.contract.stream)
            mark = KeySetMark(
                version=origin.version,
                root=root,
                depth=depth,
                rows=plan.rows,
                chunk_rows=chunk_rows,
                key=tuple(schema.names),
                digest=read.digest,
            )
            commit = batch.commit(window=None, watermark=unmoved(self._head), key_set=mark)
        self.context.committed(commit)


def in_texts(keys: Returned) -> Iterator[list[str]]:
    """Yield keys as JSON objects of texts, in lists of as many as one query may name."""
    for batch in keys:
        columns = [column.cast(pa.string()).to_pylist() for column in batch.columns]
        texts = [
            orjson.dumps(dict(zip(batch.schema.names, values, strict=True))).decode()
            for values in zip(*columns, strict=True)
        ]
        yield from (texts[start : start + _KEYS_AT_ONCE] for start in range(0, len(texts), _KEYS_AT_ONCE))


def _last_but_one(commits: Sequence[Commit]) -> int:
    """Return the version above which `gc` keeps the files that hold only keys."""
    deletes = [0, 0, *(commit.version for commit in commits if commit.kind is CommitKind.DELETES)]
    return deletes[-2]


class _Spool:
    """The source's keys in the order of reading, their number, and their digest.

    Only many keys go to local disk. Most passes find the same keys as the pass before, and for a small table that takes
    no file.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._digest = RowsDigest()
        self._in_memory: list[pa.RecordBatch] = []
        self._file: LocalParquet | None = None
        self._order = KeyOrder()
        self.rows = 0

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    @property
    def is_ordered(self) -> bool:
        """Whether the source sent each key once, in the order of the keys' bytes. Then nothing has to be sorted."""
        return self._order.holds

    def add(self, keys: pa.RecordBatch) -> None:
        """Add the next keys."""
        if not keys.num_rows:
            return
        self._digest.update(keys)
        self._order.add(keys)
        self.rows += keys.num_rows
        self._in_memory.append(keys)
        if sum(held.nbytes for held in self._in_memory) > _KEPT_BYTES:
            self._write()

    def to_disk(self) -> Path:
        """Write all keys to a file, and return its path."""
        self._write()
        self.close()
        return self._path

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def _write(self) -> None:
        if self._file is None:
            self._file = LocalParquet(self._path, self._schema, (), None)
        if self._in_memory:
            self._file.write(pa.Table.from_batches(self._in_memory, schema=self._schema))
            self._in_memory = []


class _SetPlan:
    """The key set that this pass leaves: the names of existing parts, and new parts on local disk until they are
    uploaded.
    """

    def __init__(self, folder: Path, previous: KeySetTree | None) -> None:
        self._folder = folder
        self._previous = previous
        self._known = previous.by_content if previous else {}
        self._chunks: list[str] = []
        self._new: dict[str, str] = {}
        self.rows = 0

    def add_chunk(self, keys: pa.Table) -> bool:
        """Add a chunk to the set. Return whether the previous set lacks it."""
        self.rows += keys.num_rows
        part = encode_chunk(keys)
        self._chunks.append(part.content)
        return self._keep(part)

    @property
    def dropped(self) -> list[str]:
        """The chunks of the previous set that this set does not have."""
        mine = set(self._chunks)
        return [name for name in self._previous.chunks if content_of(name) not in mine] if self._previous else []

    def finish(self, version: int) -> tuple[str, int]:
        """Name all parts as of `version`. Return the root's name, and the number of levels above the chunks."""
        level = [self._name(content, version) for content in self._chunks]
        depth = 0
        while len(level) > 1:
            nodes = []
            for node in encode_nodes(level):
                self._keep(node)
                nodes.append(self._name(node.content, version))
            level, depth = nodes, depth + 1
        return level[0], depth

    def upload(self, store: ObjectStore, stream: str) -> None:
        """Upload the new parts. They are durable when this returns."""
        with ThreadPoolExecutor(_WRITERS, thread_name_prefix="keys") as pool:
            puts: list[Future[None]] = []
            for content, name in self._new.items():
                if len(puts) >= _UNDER_WAY:
                    puts.pop(0).result()
                body = (self._folder / content).read_bytes()
                puts.append(pool.submit(store.put, layout.set_object_key(stream, name), body))
            for put in puts:
                put.result()

    def _keep(self, part: SetObject) -> bool:
        if part.content in self._known:
            return False
        with disk_errors(self._folder):
            (self._folder / part.content).write_bytes(part.body)
        return True

    def _name(self, content: str, version: int) -> str:
        if content in self._known:
            return self._known[content]
        return self._new.setdefault(content, layout.set_object_name(version, content))


def _fetched(store: ObjectStore, stream: str, folder: Path, names: Sequence[str]) -> Iterator[Path]:
    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="keys") as pool:
        for start in range(0, len(names), _UNDER_WAY):
            some = names[start : start + _UNDER_WAY]
            for name, body in zip(some, pool.map(lambda name: read_object(store, stream, name), some), strict=True):
                path = folder / f"previous-{name}"
                with disk_errors(folder):
                    path.write_bytes(body)
                yield path
                path.unlink()
