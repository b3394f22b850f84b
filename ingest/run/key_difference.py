"""Finds deleted and returned keys: compares the source's keys with the keys that live in the lake.

All keys lie in a DuckDB file on local disk, and are sorted and compared range by range, so that memory does not grow
with the table. Keys are ordered and compared by the bytes of their landed values, whatever collation the source uses.

A key lives in the lake if the previous set or a later commit holds it, and no later tombstone does. Of the previous
set, only the parts that the new set does not share are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contracts.model import StreamContract
from ingest.contracts.names import quoted
from ingest.scratch import engine_errors, open_scratch

if TYPE_CHECKING:
    import duckdb

MEMORY = "64MB"
_WAY_OUT = "Report it: a keys pass works in 64 MB, whatever the table."
_ROWS_AT_ONCE = 16_384
_PART_BYTES = 24 * 2**20
"""Keys that are sorted or hashed at once: DuckDB does not spill all that it needs for more of them."""
_ROW_BYTES = 64
"""What a key takes there beside its texts."""
_UNDER_WAY = 4 * 2_048
"""Rows that DuckDB's operators hold beside those, in vectors of 2,048 however wide they are."""
_LEAST_BYTES = 2 * 2**20
_WIDTHS = {"VARCHAR": "strlen", "BLOB": "octet_length"}
"""DuckDB's functions for the bytes of a value, by its type."""
_SAMPLED = 16
_LONGEST = 8
"""A chunk has at most so many times the keys that it has on average."""


class KeyDifference:
    """A comparison of the keys of one stream. Use as a context manager.

    `source` is a Parquet file with only the key columns. If it is `ordered`, each key stands in it once, in the order
    of the keys' bytes. Otherwise a key may stand in it more than once.
    """

    def __init__(
        self, folder: Path, contract: StreamContract, source: Path, schema: pa.Schema, *, ordered: bool = False
    ) -> None:
        self._folder = folder
        self._ordered = ordered
        self._names = contract.key
        self._schema = schema
        self._connection = open_scratch(folder, memory_limit=MEMORY, way_out=_WAY_OUT, threads=1)
        self._columns = [f"k{index}" for index in range(len(self._names))]
        self._all = ", ".join(self._columns)
        found = self._connection.execute(f"DESCRIBE FROM {_parquet([source])}").fetchall()
        types = {str(name): str(type_) for name, type_, *_ in found}
        self._types = [types[name] for name in self._names]
        named = ", ".join(f"{quoted(name)} AS {k}" for name, k in zip(self._names, self._columns, strict=True))
        self._execute(f"CREATE VIEW source AS SELECT {named} FROM {_parquet([source])}")  # noqa: S608
        typed = ", ".join(f"{k} {type_}" for k, type_ in zip(self._columns, self._types, strict=True))
        self._execute(f"CREATE TABLE seen ({typed}, version BIGINT, tombstone BOOLEAN)")
        self._execute(f"CREATE TABLE new_to_set ({typed})")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def chunks(self, chunk_rows: int) -> Iterator[pa.Table]:
        """Yield the source's distinct keys in the order of their bytes, in chunks of `chunk_rows` (a power of two) on
        average.

        A hash of the keys decides where a chunk ends. If there is no key, yield one empty chunk.
        """
        texts = (f"coalesce(strlen({text}) || ':' || {text}, '-')" for text in map(_text, self._columns, self._types))
        ends = f"(md5_number(concat({', '.join(texts)})) & {chunk_rows - 1}::UHUGEINT) = 0"
        pending: list[pa.RecordBatch] = []
        waiting = cut = 0
        with engine_errors(self._folder, _WAY_OUT), self._connection.cursor() as own:
            for batch in self._in_order(own, f"SELECT *, {ends}"):
                start = 0
                for end in _cuts(batch.column(len(self._columns)), waiting, chunk_rows * _LONGEST):
                    pending.append(batch.slice(start, end - start))
                    yield self._chunk(pending)
                    pending, start = [], end
                    waiting, cut = 0, cut + 1
                if start < batch.num_rows:
                    pending.append(batch.slice(start))
                waiting = sum(item.num_rows for item in pending)
        if pending or not cut:
            yield self._chunk(pending)

    def forget(self) -> None:
        """Remove all keys that were added."""
        self._execute("TRUNCATE seen")
        self._execute("TRUNCATE new_to_set")

    def add_new_to_set(self, chunk: pa.Table) -> None:
        """Add the keys of a chunk that the previous set does not hold unchanged."""
        self._connection.register("given", chunk)
        self._execute(f"INSERT INTO new_to_set SELECT {self._typed()} FROM given")  # noqa: S608
        self._connection.unregister("given")

    def add_all_to_new(self) -> None:
        """Add all of the source's keys as new to the set, because there is no previous set in chunks."""
        self._execute(f"INSERT INTO new_to_set SELECT {self._all} FROM source")  # noqa: S608

    def add_seen(self, files: Sequence[Path], *, version: int, tombstones: bool = False) -> None:
        """Add keys from Parquet files, as the lake knows them as of `version`."""
        self._execute(
            f"INSERT INTO seen SELECT {self._typed()}, {version}, {tombstones} FROM {_parquet(files)}"  # noqa: S608
        )

    def add_refused(self, file: Path, *, version: int) -> None:
        """Add the keys of quarantined records, as far as they can be read."""
        members = ", ".join(
            f"TRY_CAST(json_extract_string(key, {_literal(_pointer(name))}) AS {type_}) AS {k}"
            for name, k, type_ in zip(self._names, self._columns, self._types, strict=True)
        )
        readable = " AND ".join(f"{k} IS NOT NULL" for k in self._columns)
        self._execute(
            f"INSERT INTO seen SELECT *, {version}, false FROM "  # noqa: S608
            f"(SELECT {members} FROM {_parquet([file])} WHERE key IS NOT NULL) WHERE {readable}"
        )

    def gone(self) -> Iterator[pa.RecordBatch]:
        """Yield the keys that live in the lake but not at the source, in their order, with the contract's
        column names.
        """
        return self._keys(
            "seen",
            lambda part: (
                f"WITH living AS ({self._living(0, part)}), "  # noqa: S608
                f"still AS (SELECT {self._all} FROM source SEMI JOIN living ON {self._same('source', 'living')}) "
                f"SELECT {self._all} FROM living ANTI JOIN still ON {self._same('living', 'still')} "
                f"ORDER BY {self._all}"
            ),
        )

    def unknown(self, *, since: int) -> Iterator[pa.RecordBatch]:
        """Yield the source's keys that do not live in the lake, in their order.

        A key that was not seen from version `since` on does not live, because an older release had found it deleted.
        """
        return self._keys(
            "new_to_set",
            lambda part: (
                f"WITH living AS ({self._living(since, part)}), "  # noqa: S608
                f"given AS (SELECT DISTINCT {self._all} FROM new_to_set WHERE {part}) "
                f"SELECT {self._all} FROM given ANTI JOIN living ON {self._same('given', 'living')} "
                f"ORDER BY {self._all}"
            ),
        )

    def _living(self, since: int, part: str) -> str:
        return (
            f"SELECT {self._all} FROM seen WHERE {part} GROUP BY {self._all} "  # noqa: S608
            f"HAVING max(version) FILTER (NOT tombstone) > coalesce(max(version) FILTER (tombstone), 0) "
            f"AND max(version) FILTER (NOT tombstone) >= {since}"
        )

    def _keys(self, table: str, sql: Callable[[str], str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the query that `sql` returns for each range of the keys of `table`."""
        with engine_errors(self._folder, _WAY_OUT), self._connection.cursor() as own:
            for part in self._parts(own, table):
                for batch in own.execute(sql(part)).to_arrow_reader(_ROWS_AT_ONCE):
                    yield pa.RecordBatch.from_arrays(batch.columns, names=list(self._names)).cast(self._schema)

    def _in_order(self, own: duckdb.DuckDBPyConnection, select: str) -> Iterator[pa.RecordBatch]:
        """Yield the values of `select` over the source's distinct keys, in the order of the keys."""
        if self._ordered:
            own.execute("SET preserve_insertion_order = true")
            yield from own.execute(f"{select} FROM source").to_arrow_reader(_ROWS_AT_ONCE)
            return
        for part in self._parts(own, "source"):
            keys = f"SELECT DISTINCT {self._all} FROM source WHERE {part}"  # noqa: S608
            yield from own.execute(f"{select} FROM ({keys}) ORDER BY {self._all}").to_arrow_reader(_ROWS_AT_ONCE)

    def _parts(self, own: duckdb.DuckDBPyConnection, table: str) -> Iterator[str]:
        """Yield conditions that cut the keys of `table` into ranges of about `_PART_BYTES`, in their order.

        A condition holds until the next one is requested. Keys without a value come last.
        """
        texts = [(k, _WIDTHS[type_]) for k, type_ in zip(self._columns, self._types, strict=True) if type_ in _WIDTHS]
        widths = " + ".join(["0", *(f"coalesce({width}({k}), 0)" for k, width in texts)])
        [(rows, within)] = own.execute(f"SELECT count(*), coalesce(sum({widths}), 0) FROM {table}").fetchall()  # noqa: S608
        parts = _parts_for(int(rows), int(within))
        places = self._bounds(own, table, parts) if parts > 1 else []
        above = "true"
        for place in places:
            for k in self._columns:
                own.execute(f"SET VARIABLE before_{k} = getvariable('{k}')")
                own.execute(f"SET VARIABLE {k} = (SELECT {k} FROM bounds WHERE place = {place})")  # noqa: S608
            yield f"{above} AND {self._below('')}"
            above = f"NOT {self._below('before_')}"
        yield f"NOT {self._below('')}" if places else "true"

    def _bounds(self, own: duckdb.DuckDBPyConnection, table: str, parts: int) -> list[int]:
        """Choose keys of `table` that cut it into about `parts` ranges. Return their positions in a temporary table."""
        given = " AND ".join(f"{k} IS NOT NULL" for k in self._columns)
        sample = f"SELECT {self._all} FROM {table} USING SAMPLE reservoir({parts * _SAMPLED} ROWS)"  # noqa: S608
        own.execute(
            f"CREATE OR REPLACE TEMP TABLE bounds AS SELECT *, row_number() OVER (ORDER BY {self._all}) AS place "  # noqa: S608
            f"FROM (SELECT DISTINCT * FROM ({sample}) WHERE {given})"
        )
        [(found,)] = own.execute("SELECT count(*) FROM bounds").fetchall()
        return sorted({int(found) * part // parts for part in range(1, parts)} - {0})

    def _below(self, which: str) -> str:
        """Return the SQL condition that a key is below the bound in the variables. A key without a value is not."""
        test = "false"
        for k in reversed(self._columns):
            bound = f"getvariable('{which}{k}')"
            test = f"({k} < {bound} OR ({k} = {bound} AND {test}))"
        return f"coalesce({test}, false)"

    def _chunk(self, batches: Sequence[pa.RecordBatch]) -> pa.Table:
        if not batches:
            return self._schema.empty_table()
        keys = pa.Table.from_batches(batches).select(self._columns)
        return keys.rename_columns(list(self._names)).cast(self._schema).combine_chunks()

    def _typed(self) -> str:
        """Return the SQL that casts a file's key to the source's current type, because an older file may have a
        narrower one.
        """
        return ", ".join(
            f"TRY_CAST({quoted(name)} AS {type_})" for name, type_ in zip(self._names, self._types, strict=True)
        )

    def _same(self, one: str, other: str) -> str:
        return " AND ".join(f"{one}.{k} IS NOT DISTINCT FROM {other}.{k}" for k in self._columns)

    def _execute(self, sql: str) -> None:
        with engine_errors(self._folder, _WAY_OUT):
            self._connection.execute(sql)


def _parts_for(rows: int, text_bytes: int) -> int:
    """Return the number of ranges for `rows` keys whose texts have `text_bytes` bytes in all."""
    if not rows:
        return 0
    under_way = _UNDER_WAY * text_bytes // rows
    return -(-(rows * _ROW_BYTES + text_bytes) // max(_PART_BYTES - under_way, min(_LEAST_BYTES, _PART_BYTES)))


def _cuts(ends: pa.Array, waiting: int, longest: int) -> Iterator[int]:
    """Yield the positions in a batch at which a chunk ends. `waiting` keys stand before the batch."""
    start = -waiting
    for place in (*pc.indices_nonzero(ends).to_pylist(), len(ends)):
        while place - start >= longest:
            start += longest
            yield start
        if place < len(ends) and place + 1 > start:
            start = place + 1
            yield start


def _text(value: str, type_: str) -> str:
    """Return the SQL of a value as text that no other value of its type has."""
    return f"epoch_us({value})::VARCHAR" if type_.startswith("TIMESTAMP") else f"({value})::VARCHAR"


def _pointer(name: str) -> str:
    """Return the JSON pointer (RFC 6901) of a member. DuckDB's paths have no escape for a quote in a name."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _parquet(paths: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(_literal(str(path)) for path in paths)}], hive_partitioning = false)"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
