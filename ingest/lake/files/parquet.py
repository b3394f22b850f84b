"""One Parquet file on local disk, and how its columns are encoded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

_SAMPLE_ROWS = 16_384
_REPEATS = 5


class LocalParquet:
    """A Parquet file that is being written. `write` adds a row group.

    `min_cursor` and `max_cursor` are the smallest and greatest value of the column `cursor`.
    """

    def __init__(self, path: Path, schema: pa.Schema, dictionaries: Sequence[str], cursor: str | None) -> None:
        import pyarrow.parquet as pq  # imported late, because a run that writes nothing does not need it

        self.path = path
        self.rows = 0
        self.min_cursor: datetime | None = None
        self.max_cursor: datetime | None = None
        self._cursor = cursor
        self._sink = pa.OSFile(str(path), "wb")
        # Encodings and page format are the oldest ones, which every reader knows. Compression by zstd keeps the files
        # small.
        self._writer = pq.ParquetWriter(
            self._sink,
            schema,
            compression="zstd",
            version="2.6",
            use_dictionary=list(dictionaries),
            write_page_checksum=True,
            store_schema=False,
        )

    @property
    def size(self) -> int:
        """Bytes on disk so far."""
        return int(self._sink.tell())

    def write(self, table: pa.Table) -> None:
        """Write one row group."""
        self._writer.write_table(table, row_group_size=table.num_rows)
        self.rows += table.num_rows
        if self._cursor is not None:
            bounds = pc.min_max(table[self._cursor]).as_py()
            lowest, highest = _as_utc(bounds["min"]), _as_utc(bounds["max"])
            self.min_cursor = lowest if self.min_cursor is None else min(self.min_cursor, lowest)
            self.max_cursor = highest if self.max_cursor is None else max(self.max_cursor, highest)

    def close(self) -> None:
        """Write the footer."""
        if not self._sink.closed:
            self._writer.close()
            self._sink.close()


def dictionary_columns(table: pa.Table) -> list[str]:
    """Return the columns whose values repeat, judged by the first rows. A dictionary makes them smaller.

    For other columns a dictionary costs more time than all the rest of the encoding, and makes the file larger.
    """
    sample = table.slice(0, _SAMPLE_ROWS)
    return [
        field.name
        for field, column in zip(sample.schema, sample.columns, strict=True)
        if pa.types.is_dictionary(field.type)
        or (
            not pa.types.is_boolean(field.type)
            and pc.count_distinct(column, mode="all").as_py() * _REPEATS <= sample.num_rows
        )
    ]


def _as_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
