"""Verified copies of the lake's files on local disk, so that exactly the committed bytes are loaded.

A warehouse that read `s3://` itself would trust whatever arrives. So each file is downloaded once, hashed while it is
written, and only then read. The next files are downloaded in the meantime. At most two groups are on disk at any time.
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
    """A committed file, and the path of its verified copy."""

    file: DataFile
    path: Path


class LakeFiles:
    """A downloader of files of one lake into `directory`, which only it uses."""

    def __init__(self, settings: LakeSettings, directory: Path) -> None:
        self._settings = settings
        self._directory = directory

    def remove_leftovers(self) -> None:
        """Remove files that killed processes have left."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def groups(self, files: Sequence[DataFile]) -> Generator[list[LocalFile]]:
        """Yield verified copies of `files` in order, in groups. A group is removed when the next one is requested.

        Raises FatalError for a missing or altered file, TransientError or AccessError if it cannot be read,
        ConfigurationError if the disk is full.
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
    """Split files into groups of about _GROUP_BYTES, with no more files than one statement may name."""
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
