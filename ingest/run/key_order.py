"""Whether keys come in the order by which a set of keys is cut, each of them once."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


class KeyOrder:
    """Looks at batches of keys as they come. `holds` until one is not above the key before it.

    The order is that of the scratch database: column by column, texts by their bytes. Of types that Arrow and DuckDB
    could order differently, and of keys without a value, no order is said to hold.
    """

    def __init__(self) -> None:
        self.holds = True
        self._last: pa.RecordBatch | None = None

    def add(self, keys: pa.RecordBatch) -> None:
        """Look at the next keys, in the order of reading."""
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
    """Whether each row is above the one before it."""
    count = keys.num_rows
    above = pa.scalar(value=False)
    for column in reversed(keys.columns):
        one, next_one = column.slice(0, count - 1), column.slice(1)
        above = pc.or_(pc.less(one, next_one), pc.and_(pc.equal(one, next_one), above))
    return bool(pc.all(above, min_count=0).as_py())
