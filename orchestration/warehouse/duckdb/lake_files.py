"""Files of the lake on local disk: what is loaded are the very bytes that were committed.

A warehouse that read `s3://` itself would trust whatever arrives. So each file is fetched once, hashed while it is
written, and only then read; the next files are fetched meanwhile. At most two groups are on disk at any time.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ingest.disk import disk_errors
from ingest.lake.commit import DataFile
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.warehouse.protocol import MAX_FILES_PER_STATEMENT

_GROUP_BYTES = 128 * 2**20
_FETCHERS = 4


@dataclass(frozen=True)
class LocalFile:
    """A committed file, and where its verified copy is."""

    file: DataFile
    path: Path


class LakeFiles:
    """Fetches files of one lake into `directory`, which belongs to it alone."""

    def __init__(self, settings: LakeSettings, directory: Path) -> None:
        self._settings = settings
        self._directory = directory

    def remove_leftovers(self) -> None:
        """Remove what killed processes left behind."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def groups(self, files: Sequence[DataFile]) -> Generator[list[LocalFile]]:
        """Verified copies of `files`, in order, some at a time; a group is removed when the next one is asked for.

        Raises FatalError for a file that is missing or is not what was committed, TransientError or AccessError where
        it cannot be read, ConfigurationError where the disk is full.
        """
        with disk_errors(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=self._directory) as folder,
            ThreadPoolExecutor(_FETCHERS, thread_name_prefix="fetch") as pool,
        ):
            wanted = [LocalFile(file, Path(folder, _file_name(at))) for at, file in enumerate(files)]
            coming: list[Future[LocalFile]] = []
            try:
                for following in [*_grouped(wanted), []]:
                    group, coming = coming, [pool.submit(self._fetch, file) for file in following]
                    if group:
                        yield [fetched.result() for fetched in group]
                        for fetched in group:
                            fetched.result().path.unlink()
            finally:
                pool.shutdown(cancel_futures=True)

    @cached_property
    def _store(self) -> ObjectStore:
        return ObjectStore(self._settings)

    def _fetch(self, local: LocalFile) -> LocalFile:
        self._store.download(local.file.key, local.path, local.file.sha256)
        return local


def _file_name(at: int) -> str:
    return f"{at:06d}.parquet"


def _grouped(files: Sequence[LocalFile]) -> Iterator[list[LocalFile]]:
    """Cut into groups of about _GROUP_BYTES, and of no more files than one statement may name."""
    group: list[LocalFile] = []
    size = 0
    for local in files:
        if group and (size + local.file.bytes > _GROUP_BYTES or len(group) == MAX_FILES_PER_STATEMENT):
            yield group
            group, size = [], 0
        group.append(local)
        size += local.file.bytes
    if group:
        yield group
