"""The lake's side of a comparison: the files with a stream's current rows, each downloaded, checked and
deleted again.
"""

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
    """The files of a stream as of one version: the files of its rows in all their versions, and of its tombstones.

    If only an older release has landed deletions, the latter are the files of its newest key set, `key_set_version`.
    """

    rows: tuple[DataFile, ...]
    tombstones: tuple[DataFile, ...] = ()
    key_set: tuple[DataFile, ...] = ()
    key_set_version: int | None = None

    @classmethod
    def of(cls, contract: StreamContract, commits: Sequence[Commit]) -> LakeFiles:
        """Return the files of a stream that count, from all its commits."""
        counting = counting_versions(contract, newest_of(commits))
        rows = [commit for commit in commits if commit.kind in APPENDED and counting.hold(commit.version)]
        key_set = [commit for commit in commits if commit.version == counting.keys]
        tombstones = [commit for commit in commits if counting.hold_deletions_of(commit)]
        return cls(_with_rows(rows), _with_rows(tombstones), _with_rows(key_set), counting.keys or None)


def commits_up_to(store: ObjectStore, head: Commit) -> list[Commit]:
    """Return all commits of a stream up to `head`, in order. Raises DamagedLakeError if one is missing."""
    return CommitLog(store, head.stream).whole(head.version)


@contextmanager
def downloaded(store: ObjectStore, folder: Path, files: Sequence[tuple[int, DataFile]]) -> Iterator[Iterator[LakeFile]]:
    """Yield each file with its number, one after the other, while the next one is downloaded.

    A file is deleted when the file after the next one is yielded. Raises DamagedLakeError for a missing or altered
    file.
    """

    import pyarrow.parquet as pq

    def fetched() -> Iterator[LakeFile]:
        for number, file in files:
            # The name depends on the content, because DuckDB may cache what it has read from a path.
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
