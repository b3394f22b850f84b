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
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from ingest.contracts.model import StreamContract
from ingest.disk import disk_errors
from ingest.errors import ConflictError, DamagedLakeError
from ingest.lake.batch import Batch
from ingest.lake.commit import Commit, CommitKind, DataFile, KeySetMark, unmoved
from ingest.lake.counting import APPENDED, counting_versions, newest_of
from ingest.lake.key_set import KeySetTree, chunk_rows_for, read_tree
from ingest.lake.log import CommitLog
from ingest.logs import get_logger
from ingest.run.context import IngestionContext
from ingest.run.key_difference import KeyDifference
from ingest.run.key_set_plan import KeySetPlan, fetched_chunks
from ingest.run.source_keys import SourceKeys
from ingest.verify.lake_rows import downloaded

_KEYS_AT_ONCE = 5_000
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
            with disk_errors(folder), closing(SourceKeys(folder / "source.parquet", schema)) as read:
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
        self, folder: Path, difference: KeyDifference, read: SourceKeys, mark: KeySetMark | None, schema: pa.Schema
    ) -> None:
        store, stream = self.context.store, self.contract.stream
        tree = self._tree(mark) if mark else None
        known = mark if tree else None
        chunk_rows = chunk_rows_for(read.rows, known.chunk_rows if known else None)
        plan = KeySetPlan(folder, tree)
        for chunk in difference.chunks(chunk_rows):
            if plan.add_chunk(chunk) and tree is not None:
                difference.add_new_to_set(chunk)
        try:
            if tree is not None and known is not None:
                for path in fetched_chunks(store, stream, folder, plan.dropped):
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
        plan: KeySetPlan,
        read: SourceKeys,
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
