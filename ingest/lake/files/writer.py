"""Writes record batches into the lake as Parquet files of a limited size.

A file is written to local disk. While the next one is being written, it is hashed, uploaded with its hash, and deleted.
Memory holds two row groups, however large the batch: one that a thread of its own encodes, and one that is being
collected. An uploaded file does not count until a commit names it.
"""

from __future__ import annotations

import hashlib
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import pyarrow as pa

from ingest.disk import disk_errors
from ingest.lake import layout
from ingest.lake.commit import DataFile
from ingest.lake.files.parquet import LocalParquet, dictionary_columns
from ingest.lake.objects.store import ObjectStore

ROW_GROUP_BYTES = 32 * 2**20
ROW_GROUP_ROWS = 122_880
"""DuckDB's own row group size, so that its readers split files evenly."""
_UPLOADS_AT_ONCE = 2


@dataclass(frozen=True)
class FilePlace:
    """The parts of a file's key, and the cursor column whose bounds its commit states."""

    prefix: str
    stream: str
    version: int
    at: datetime
    cursor: str | None = None


class ParquetFiles:
    """A series of Parquet files of one schema. Use as a context manager; `finish` returns the files.

    With `hold` nothing is uploaded before `finish`, for a batch that may turn out to hold nothing new.
    """

    def __init__(
        self, store: ObjectStore, place: FilePlace, schema: pa.Schema, *, target_bytes: int, hold: bool = False
    ) -> None:
        self._store = store
        self._place = place
        self._schema = schema
        self._target_bytes = target_bytes
        self._hold = hold
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._encoder: ThreadPoolExecutor | None = None
        self._encoding: Future[None] | None = None
        self._uploader: ThreadPoolExecutor | None = None
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._pending_rows = 0
        self._dictionaries: list[str] | None = None
        self._open: LocalParquet | None = None
        self._held: list[LocalParquet] = []
        self._uploads: list[Future[DataFile]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._encoder is not None:
            self._encoder.shutdown(cancel_futures=True)
        if self._open is not None:
            self._open.close()
        if self._uploader is not None:
            self._uploader.shutdown(cancel_futures=True)
        if self._folder is not None:
            self._folder.cleanup()

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows. They reach the disk with their row group, and the lake with their file."""
        if not batch.num_rows:
            return
        self._pending.append(batch)
        self._pending_bytes += batch.nbytes
        self._pending_rows += batch.num_rows
        if self._pending_bytes >= ROW_GROUP_BYTES or self._pending_rows >= ROW_GROUP_ROWS:
            self._begin_to_encode()

    def finish(self) -> tuple[DataFile, ...]:
        """Write and upload the remaining rows. Every file is durable when this returns."""
        self._wait_for_encoder()
        if self._pending:
            self._write_row_group(self._take_pending())
        if self._open is not None:
            self._close_file(self._open)
        for file in self._held:
            self._upload(file)
        self._held = []
        return tuple(upload.result() for upload in self._uploads)

    def _begin_to_encode(self) -> None:
        """Encode the pending rows in another thread, after the row group before them is encoded."""
        self._wait_for_encoder()
        with disk_errors(Path(tempfile.gettempdir())):
            self._local_folder()
        if self._encoder is None:
            self._encoder = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._encoding = self._encoder.submit(self._write_row_group, self._take_pending())

    def _wait_for_encoder(self) -> None:
        """Wait until the encoder is idle. Raises the error of the last row group, if there was one."""
        if self._encoding is not None:
            self._encoding.result()
            self._encoding = None

    def _take_pending(self) -> pa.Table:
        table = pa.Table.from_batches(self._pending, schema=self._schema)
        self._pending, self._pending_bytes, self._pending_rows = [], 0, 0
        return table

    def _write_row_group(self, table: pa.Table) -> None:
        if self._dictionaries is None:
            self._dictionaries = dictionary_columns(table)
        with disk_errors(Path(tempfile.gettempdir())):
            if self._open is None:
                self._open = LocalParquet(self._next_path(), self._schema, self._dictionaries, self._place.cursor)
            self._open.write(table)
            if self._open.size >= self._target_bytes:
                self._close_file(self._open)

    def _next_path(self) -> Path:
        return self._local_folder() / f"{len(self._uploads) + len(self._held):04d}.parquet"

    def _local_folder(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="ingest-")
        return Path(self._folder.name)

    def _close_file(self, file: LocalParquet) -> None:
        self._open = None
        file.close()
        if self._hold:
            self._held.append(file)
        else:
            self._upload(file)

    def _upload(self, file: LocalParquet) -> None:
        """Begin to upload a file. Wait for an older upload first if too many are under way, so that disk use is
        bounded.
        """
        if self._uploader is None:
            self._uploader = ThreadPoolExecutor(_UPLOADS_AT_ONCE, thread_name_prefix="upload")
        if len(self._uploads) > _UPLOADS_AT_ONCE:
            self._uploads[-_UPLOADS_AT_ONCE].result()
        self._uploads.append(self._uploader.submit(self._upload_now, file, part=len(self._uploads)))

    def _upload_now(self, file: LocalParquet, *, part: int) -> DataFile:
        digest = _sha256(file.path)
        place = self._place
        key = layout.data_key(place.prefix, place.stream, at=place.at, version=place.version, part=part, sha256=digest)
        size = file.path.stat().st_size
        self._store.upload(file.path, key, digest)
        file.path.unlink()
        return DataFile(
            key=key,
            rows=file.rows,
            bytes=size,
            sha256=digest,
            min_cursor=file.min_cursor,
            max_cursor=file.max_cursor,
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
