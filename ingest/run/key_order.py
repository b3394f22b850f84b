"""Checks that keys come in the order by which key sets are cut, and each of them once."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


class KeyOrder:
    """Checks batches of keys as they come. `holds` is True until a key is not above the key before it.

    The order is that of the scratch database: column by column, texts by their bytes. `holds` is False for types that
    Arrow and DuckDB could order differently, and for keys without a value.
    """

    def __init__(self) -> None:
        self.holds = True
        self._last: pa.RecordBatch | None = None

    def add(self, keys: pa.RecordBatch) -> None:
        """Check the next keys, in the order of reading."""
        if not self.holds or not keys.num_rows:
            return
        before = [keys] if self._last is None else [self._last, keys]
        self._last = keys.slice(keys.num_rows - 1)
        self.holds = all(map(_is_comparable, keys.columns)) and _rises(pa.Table.from_batches(before))


def _is_comparable(column: pa.Array) -> bool:
    kind = column.type
    known = bool(
        pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind)
    )
    return known and column.null_count == 0


def _rises(keys: pa.Table) -> bool:
    """Return whether each row is above the row before it."""
    count = keys.num_rows
    above = pa.scalar(value=False)
    for column in reversed(keys.columns):
        one, next_one = column.slice(0, count - 1), column.slice(1)
        above = pc.or_(pc.less(one, next_one), pc.and_(pc.equal(one, next_one), above))
    return bool(pc.all(above, min_count=0).as_py())
