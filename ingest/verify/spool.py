"""The source's rows on local disk in landed form: read once, then compared, and landed from there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from ingest.disk import disk_errors
from ingest.lake.files.parquet import LocalParquet
from ingest.lake.files.writer import ROW_GROUP_BYTES, ROW_GROUP_ROWS

POSITION = "_row_number"
"""The order of reading, from 1; named like the platform's own column, which no source column may be."""


def spool(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write all rows to a Parquet file at `path`, with their POSITION. Return the number of rows."""
    full = schema.append(pa.field(POSITION, pa.int64()))
    with disk_errors(path.parent):
        file = LocalParquet(path, full, (), None)
        try:
            pending: list[pa.RecordBatch] = []
            size = rows = 0
            for batch in batches:
                if not batch.num_rows:
                    continue
                positions = pa.arange(rows + 1, rows + batch.num_rows + 1)
                pending.append(pa.RecordBatch.from_arrays([*batch.columns, positions], schema=full))
                rows, size = rows + batch.num_rows, size + batch.nbytes
                if size >= ROW_GROUP_BYTES or sum(item.num_rows for item in pending) >= ROW_GROUP_ROWS:
                    file.write(pa.Table.from_batches(pending, schema=full))
                    pending, size = [], 0
            if pending:
                file.write(pa.Table.from_batches(pending, schema=full))
        finally:
            file.close()
    return rows
