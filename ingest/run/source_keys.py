"""The keys of a source as a keys pass reads them: their number, their digest, and whether they came in order."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ingest.lake.files.digest import RowsDigest
from ingest.lake.files.parquet import LocalParquet

_KEPT_BYTES = 2**20


class SourceKeys:
    """The source's keys in the order of reading, their number, and their digest.

    Only many keys go to local disk. Most passes find the same keys as the pass before, and for a small table that takes
    no file.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._digest = RowsDigest()
        self._in_memory: list[pa.RecordBatch] = []
        self._file: LocalParquet | None = None
        self._order = KeyOrder()
        self.rows = 0

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    @property
    def is_ordered(self) -> bool:
        """Whether the source sent each key once, in the order of the keys' bytes. Then nothing has to be sorted."""
        return self._order.holds

    def add(self, keys: pa.RecordBatch) -> None:
        """Add the next keys."""
        if not keys.num_rows:
            return
        self._digest.update(keys)
        self._order.add(keys)
        self.rows += keys.num_rows
        self._in_memory.append(keys)
        if sum(held.nbytes for held in self._in_memory) > _KEPT_BYTES:
            self._write()

    def to_disk(self) -> Path:
        """Write all keys to a file, and return its path."""
        self._write()
        self.close()
        return self._path

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def _write(self) -> None:
        if self._file is None:
            self._file = LocalParquet(self._path, self._schema, (), None)
        if self._in_memory:
            self._file.write(pa.Table.from_batches(self._in_memory, schema=self._schema))
            self._in_memory = []


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
