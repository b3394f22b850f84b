"""The lake's side: the files that make up a stream's current rows, each downloaded, checked and given up again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.contracts.model import StreamContract
from ingest.disk import disk_errors
from ingest.lake.commit import Commit, DataFile
from ingest.lake.counting import APPENDED, counting_versions, newest_of
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.sources.prefetch import prefetched
from ingest.verify.comparison import LakeFile


@dataclass(frozen=True)
class LakeFiles:
    """The files of a stream as of one version: of its rows, every version of each, and of its tombstones.

    Where an older release alone has landed deletions, they are those of its newest key set, of `key_set_version`.
    """

    rows: tuple[DataFile, ...]
    tombstones: tuple[DataFile, ...] = ()
    key_set: tuple[DataFile, ...] = ()
    key_set_version: int | None = None

    @classmethod
    def of(cls, contract: StreamContract, commits: Sequence[Commit]) -> LakeFiles:
        """The files that count, of all commits of a stream."""
        counting = counting_versions(contract, newest_of(commits))
        rows = [commit for commit in commits if commit.kind in APPENDED and counting.hold(commit.version)]
        key_set = [commit for commit in commits if commit.version == counting.keys]
        tombstones = [commit for commit in commits if counting.hold_deletions_of(commit)]
        return cls(_with_rows(rows), _with_rows(tombstones), _with_rows(key_set), counting.keys or None)


def commits_up_to(store: ObjectStore, head: Commit) -> list[Commit]:
    """All commits of a stream up to `head`, in order. Raises DamagedLakeError if one is missing."""
    return CommitLog(store, head.stream).whole(head.version)


@contextmanager
def downloaded(store: ObjectStore, folder: Path, files: Sequence[tuple[int, DataFile]]) -> Iterator[Iterator[LakeFile]]:
    """The files, each with its number, one after the other, the next one fetched meanwhile. One is gone when the one
    after the next is given.

    Raises DamagedLakeError for one that is missing or was altered.
    """

    import pyarrow.parquet as pq

    def fetched() -> Iterator[LakeFile]:
        for number, file in files:
            # A name for each content: DuckDB may remember what it has read of a path.
            path = folder / f"{number}-{file.sha256}.parquet"
            with disk_errors(folder):
                store.download(file.key, path, file.sha256)
                yield LakeFile(number, path, frozenset(pq.read_schema(path).names))

    def used(ahead: Iterator[LakeFile]) -> Iterator[LakeFile]:
        for file in ahead:
            yield file
            file.path.unlink()

    with prefetched(fetched()) as ahead:
        yield used(ahead)


def _with_rows(commits: Sequence[Commit]) -> tuple[DataFile, ...]:
    return tuple(file for commit in commits for file in commit.files if file.rows)
