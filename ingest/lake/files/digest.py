"""A digest of rows that depends only on their values.

A digest of Arrow's bytes would not do: padding and the slots under nulls hold whatever was in memory before.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.compute as pc


class RowsDigest:
    """SHA-256 over rows, fed batch by batch in their order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, rows: pa.RecordBatch) -> None:
        """Add the rows of one batch. The digest depends on how rows are split into batches."""
        # The digest includes the number of rows, because other rows in batches of other sizes could be the same bytes.
        # It includes the names, because a renamed column is another set.
        shape = (rows.num_rows, [(field.name, str(field.type)) for field in rows.schema])
        self._hash.update(repr(shape).encode())
        for column in rows.columns:
            self._hash.update(_fixed_width_bytes(column.is_valid().cast(pa.uint8())))
            for part in _value_bytes(column):
                self._hash.update(part)

    def hexdigest(self) -> str:
        """Return the digest so far."""
        return self._hash.hexdigest()


def _value_bytes(column: pa.Array) -> list[memoryview]:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        filled = pc.fill_null(column, pa.scalar(b"" if pa.types.is_binary(column.type) else "", column.type))
        lengths = _fixed_width_bytes(pc.binary_length(filled))
        offsets = filled.buffers()[1]
        ends = memoryview(offsets).cast("i")[filled.offset : filled.offset + len(filled) + 1]
        data = filled.buffers()[2]
        values = memoryview(data)[ends[0] : ends[-1]] if data is not None and len(ends) else memoryview(b"")
        return [lengths, values]
    width = column.type.bit_width // 8
    return [_fixed_width_bytes(pc.fill_null(column.view(pa.binary(width)), bytes(width)))]


def _fixed_width_bytes(column: pa.Array) -> memoryview:
    width = column.type.bit_width // 8
    buffer = column.buffers()[1]
    if buffer is None:
        return memoryview(b"")
    return memoryview(buffer)[column.offset * width : (column.offset + len(column)) * width]
