"""Writes record batches as Parquet files, cut by bytes, into the lake.

A file is written to local disk, hashed, uploaded with its hash, and forgotten: memory holds one row group, however
large the batch. Nothing that was uploaded counts until a commit names it.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.lake import layout
from ingest.lake.commit import DataFile
from ingest.lake.store import ObjectStore

ROW_GROUP_BYTES = 32 * 2**20
ROW_GROUP_ROWS = 122_880
"""DuckDB's own row group size, so that its readers split files evenly."""


@dataclass(frozen=True)
class FilePlace:
    """What a file's key is made of, and the cursor column whose bounds its commit states."""

    prefix: str
    stream: str
    version: int
    at: datetime
    cursor: str | None = None


class ParquetFiles:
    """A series of Parquet files of one schema. Use as a context manager; `finish` returns what was written."""

    def __init__(self, store: ObjectStore, place: FilePlace, schema: pa.Schema, *, target_bytes: int) -> None:
        self._store = store
        self._place = place
        self._schema = schema
        self._target_bytes = target_bytes
        self._folder = tempfile.TemporaryDirectory(prefix="ingest-")
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._pending_rows = 0
        self._open: _OpenFile | None = None
        self._files: list[DataFile] = []
        self.bytes_written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
        self._folder.cleanup()

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows. They reach the disk with their row group, the lake with their file."""
        if not batch.num_rows:
            return
        self._pending.append(batch)
        self._pending_bytes += batch.nbytes
        self._pending_rows += batch.num_rows
        if self._pending_bytes >= ROW_GROUP_BYTES or self._pending_rows >= ROW_GROUP_ROWS:
            self._write_row_group()

    def finish(self) -> tuple[DataFile, ...]:
        """Upload what is left; every file is durable when this returns."""
        if self._pending:
            self._write_row_group()
        if self._open is not None:
            self._upload(self._open)
        return tuple(self._files)

    def _write_row_group(self) -> None:
        table = pa.Table.from_batches(self._pending, schema=self._schema)
        self._pending, self._pending_bytes, self._pending_rows = [], 0, 0
        if self._open is None:
            self._open = _OpenFile(Path(self._folder.name) / f"{len(self._files):04d}.parquet", self._schema)
        self._open.write(table, self._place.cursor)
        if self._open.size >= self._target_bytes:
            self._upload(self._open)

    def _upload(self, file: _OpenFile) -> None:
        self._open = None
        file.close()
        digest = _sha256(file.path)
        key = layout.data_key(
            self._place.prefix,
            self._place.stream,
            at=self._place.at,
            version=self._place.version,
            part=len(self._files),
            sha256=digest,
        )
        self._store.upload(file.path, key, digest)
        size = file.path.stat().st_size
        file.path.unlink()
        self.bytes_written += size
        self._files.append(
            DataFile(
                key=key,
                rows=file.rows,
                bytes=size,
                sha256=digest,
                min_cursor=file.min_cursor,
                max_cursor=file.max_cursor,
            )
        )


class _OpenFile:
    """A Parquet file that is being written on local disk."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.rows = 0
        self.min_cursor: datetime | None = None
        self.max_cursor: datetime | None = None
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pq.ParquetWriter(
            self._sink, schema, compression="zstd", version="2.6", write_page_checksum=True, store_schema=False
        )

    @property
    def size(self) -> int:
        """Bytes on disk so far."""
        return int(self._sink.tell())

    def write(self, table: pa.Table, cursor: str | None) -> None:
        """Write one row group."""
        self._writer.write_table(table, row_group_size=table.num_rows)
        self.rows += table.num_rows
        if cursor is not None:
            bounds = pc.min_max(table[cursor]).as_py()
            lowest, highest = _as_utc(bounds["min"]), _as_utc(bounds["max"])
            self.min_cursor = lowest if self.min_cursor is None else min(self.min_cursor, lowest)
            self.max_cursor = highest if self.max_cursor is None else max(self.max_cursor, highest)

    def close(self) -> None:
        """Write the footer."""
        if not self._sink.closed:
            self._writer.close()
            self._sink.close()


def _as_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
