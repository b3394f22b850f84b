"""Compares source and lake in a DuckDB on local disk, which spills data that does not fit into its memory.

One table holds what was seen of each key: rows of the source, versions of the lake, tombstones, and keys that are not
compared. A row is stored as two numbers made of the MD5 of its values, so that neither memory nor disk depends on the
width of a row. One aggregation over the table yields the differences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import pyarrow as pa

from ingest.contracts.names import quoted
from ingest.scratch import engine_errors, open_scratch
from ingest.verify.spool import POSITION

_MORE_MEMORY = "Raise VERIFY_MEMORY_LIMIT."
_SHOWN = 5
_ROWS_AT_ONCE = 2048
"""Rows may be wide."""
_LOOKED_AT = 1000
"""Changed rows whose columns are looked at one by one."""
_SOURCE, _LAKE, _KEY_SET, _UNSETTLED, _TOMBSTONE = range(5)
_RANK = 1 << 40
"""A version's rows are numbered below it, so that version and number make one number."""


class Difference(StrEnum):
    """The result of comparing one key."""

    EQUAL = "equal"
    IN_FLIGHT = "in flight"
    CHANGED = "changed"
    MISSING = "missing"
    EXTRA = "extra"
    DOUBLED = "doubled"


@dataclass(frozen=True)
class LakeFile:
    """A downloaded file of the lake, and the names of its columns. `number` is unique within the stream."""

    number: int
    path: Path
    columns: frozenset[str]


class Comparison:
    """A comparison of one stream. Feed it both sides, then call `judge`. Use as a context manager.

    If `key` is empty, rows are a multiset. `memory_limit` is in DuckDB's form, such as 512MB. With `last_counts`, of
    several source rows with one key the row read last counts, because the provider gives every delivery. Without it,
    such a key is doubled.
    """

    def __init__(
        self,
        folder: Path,
        spooled: Path,
        columns: Sequence[str],
        key: Sequence[str],
        *,
        last_counts: bool,
        memory_limit: str,
    ) -> None:
        self._spooled = spooled
        self._last_counts = last_counts
        self._folder = folder
        self._connection = open_scratch(folder, memory_limit=memory_limit, way_out=_MORE_MEMORY)
        found = self._query(f"DESCRIBE FROM {self._parquet(spooled)}")
        types = {str(name): str(type_) for name, type_, *_ in found}
        self._types = {name: types[name] for name in columns}
        self._key = list(key)
        self._keys = ", ".join(f"k{index}" for index in range(len(key)))
        typed = "".join(f"k{index} {self._types[name]}, " for index, name in enumerate(key))
        self._connection.execute(
            f"CREATE TABLE seen ({typed}side UTINYINT, rank BIGINT, file INTEGER, head BIGINT, tail BIGINT)"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def add_source(self) -> None:
        """Add the spooled rows of the source."""
        self._add(self._parquet(self._spooled), set(self._types), _SOURCE, f'"{POSITION}"', "NULL", digest=True)

    def add_lake(self, file: LakeFile, *, unsettled: str | None = None) -> None:
        """Add the rows of a file. Rows for which the SQL condition `unsettled` holds are not compared."""
        rows = self._parquet(file.path)
        rank = f'"_log_version" * {_RANK} + "_row_number"'
        self._add(rows, file.columns, _LAKE, rank, str(file.number), digest=True)
        if unsettled is not None:
            chosen = f"(SELECT * FROM {rows} WHERE {unsettled})"  # noqa: S608 - our own names and literals
            self._add(chosen, file.columns, _UNSETTLED, "0", "NULL")

    def add_key_set(self, file: LakeFile) -> None:
        """Add keys of the newest key set of an older release."""
        self._add(self._parquet(file.path), file.columns, _KEY_SET, "0", "NULL")

    def add_tombstones(self, file: LakeFile) -> None:
        """Add deleted keys."""
        self._add(self._parquet(file.path), file.columns, _TOMBSTONE, f'"_log_version" * {_RANK}', "NULL")

    def add_unsettled(self, keys: pa.Table) -> None:
        """Add keys that are not compared."""
        self._connection.register("given_keys", keys)
        self._add("given_keys", set(keys.column_names), _UNSETTLED, "0", "NULL")
        self._connection.unregister("given_keys")

    def judge(self, *, key_set_version: int | None) -> dict[Difference, int]:
        """Return the number of rows by the result of their comparison.

        `key_set_version` is the version of an older release's key set, None if there is none. A key that this set lacks
        is deleted, unless its row was landed after it.
        """
        if self._key:
            self._judge_keys(key_set_version)
        else:
            self._judge_multiset()
        counted = self._query("SELECT verdict, sum(rows) FROM judged GROUP BY verdict")
        return {Difference(str(verdict)): int(str(rows)) for verdict, rows in counted}

    def keys(self, difference: Difference) -> list[tuple[str, ...]]:
        """Return the first keys with that difference as text, in their order."""
        if not self._key:
            return []
        texts = ", ".join(f"k{index}::VARCHAR" for index in range(len(self._key)))
        found = self._query(
            f"SELECT {texts} FROM judged WHERE verdict = '{difference}' ORDER BY {self._keys} LIMIT {_SHOWN}"  # noqa: S608
        )
        return [tuple(str(value) for value in row) for row in found]

    def files_of_changed(self) -> list[int]:
        """Return the numbers of the files that hold the lake's side of the first changed rows."""
        self._connection.execute(
            "CREATE TABLE looked_at AS SELECT * FROM judged "  # noqa: S608
            f"WHERE verdict = '{Difference.CHANGED}' ORDER BY {self._keys} LIMIT {_LOOKED_AT}"
        )
        columns = ", ".join(f"c{index} {type_}" for index, type_ in enumerate(self._types.values()))
        self._connection.execute(f"CREATE TABLE lake_values (rank BIGINT, {columns})")
        return [int(str(number)) for (number,) in self._query("SELECT DISTINCT file FROM looked_at ORDER BY file")]

    def look_at(self, file: LakeFile) -> None:
        """Read the lake's side of changed rows from a file."""
        values = ", ".join(self._typed(name, file.columns) for name in self._types)
        rank = f'"_log_version" * {_RANK} + "_row_number"'
        self._connection.execute(
            f"INSERT INTO lake_values SELECT {rank}, {values} FROM {self._parquet(file.path)} "  # noqa: S608
            f"WHERE {rank} IN (SELECT rank FROM looked_at)"
        )

    def changed_columns(self) -> tuple[tuple[tuple[str, int], ...], int]:
        """Return the columns that differ in the changed rows that were read, each with its number of rows.

        The second value is the number of rows that were read.
        """
        differ = ", ".join(
            f"count(*) FILTER ({_text(f's.{quoted(name)}', type_)} IS DISTINCT FROM {_text(f'l.c{index}', type_)})"
            for index, (name, type_) in enumerate(self._types.items())
        )
        [(looked_at, *counts)] = self._query(
            f"SELECT count(*), {differ} FROM looked_at AS j JOIN lake_values AS l ON l.rank = j.rank "  # noqa: S608
            f'JOIN {self._parquet(self._spooled)} AS s ON s."{POSITION}" = j.place'
        )
        pairs = zip(self._types, (int(str(count)) for count in counts), strict=True)
        return tuple((name, count) for name, count in pairs if count), int(str(looked_at))

    def rows_to_land(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the source's changed and missing rows, as they were read."""
        columns = ", ".join(quoted(name) for name in self._types)
        found = self._connection.execute(
            f"SELECT {columns} FROM {self._parquet(self._spooled)} "  # noqa: S608
            f'WHERE "{POSITION}" IN (SELECT place FROM judged WHERE verdict IN '
            f"('{Difference.CHANGED}', '{Difference.MISSING}'))"
        )
        for batch in found.to_arrow_reader(_ROWS_AT_ONCE):
            yield batch.cast(schema)

    def _judge_keys(self, key_set_version: int | None) -> None:
        in_lake = "rank IS NOT NULL AND rank >= coalesce(tombstone, 0)"
        if key_set_version is not None:
            in_lake += f" AND (rank >= {key_set_version} * {_RANK} OR in_key_set)"
        doubled = "" if self._last_counts else f"WHEN sources > 1 THEN '{Difference.DOUBLED}' "
        self._connection.execute(
            f"""
            CREATE TABLE judged AS
            WITH keys AS (
              SELECT {self._keys}, count(*) FILTER (side = {_SOURCE}) AS sources,
                     max(rank) FILTER (side = {_SOURCE}) AS place,
                     arg_max(head, rank) FILTER (side = {_SOURCE}) AS source_head,
                     arg_max(tail, rank) FILTER (side = {_SOURCE}) AS source_tail,
                     max(rank) FILTER (side = {_LAKE}) AS rank,
                     arg_max(file, rank) FILTER (side = {_LAKE}) AS file,
                     arg_max(head, rank) FILTER (side = {_LAKE}) AS lake_head,
                     arg_max(tail, rank) FILTER (side = {_LAKE}) AS lake_tail,
                     count(*) FILTER (side = {_KEY_SET}) > 0 AS in_key_set,
                     max(rank) FILTER (side = {_TOMBSTONE}) AS tombstone,
                     count(*) FILTER (side = {_UNSETTLED}) > 0 AS in_flight
                FROM seen GROUP BY {self._keys}
            )
            SELECT * EXCLUDE (source_head, source_tail, lake_head, lake_tail), 1 AS rows,
                   CASE WHEN in_flight THEN '{Difference.IN_FLIGHT}'
                        {doubled}
                        WHEN sources > 0 AND NOT ({in_lake}) THEN '{Difference.MISSING}'
                        WHEN sources > 0 AND (source_head, source_tail) IS DISTINCT FROM (lake_head, lake_tail)
                        THEN '{Difference.CHANGED}'
                        WHEN sources > 0 THEN '{Difference.EQUAL}'
                        WHEN {in_lake} THEN '{Difference.EXTRA}'
                   END AS verdict
              FROM keys
             WHERE sources > 0 OR in_flight OR ({in_lake})
            """  # noqa: S608 - our own names and numbers
        )

    def _judge_multiset(self) -> None:
        self._connection.execute(
            f"""
            CREATE TABLE judged AS
            WITH contents AS (
              SELECT count(*) FILTER (side = {_SOURCE}) AS sources, count(*) FILTER (side = {_LAKE}) AS landed
                FROM seen GROUP BY head, tail
            )
            SELECT '{Difference.EQUAL}' AS verdict, least(sources, landed) AS rows FROM contents
            UNION ALL SELECT '{Difference.MISSING}', sources - landed FROM contents WHERE sources > landed
            UNION ALL SELECT '{Difference.EXTRA}', landed - sources FROM contents WHERE landed > sources
            """  # noqa: S608 - our own names and numbers
        )

    def _add(
        self,
        rows: str,
        present: set[str] | frozenset[str],
        side: int,
        rank: str,
        file: str,
        *,
        digest: bool = False,
    ) -> None:
        keys = "".join(f"{self._typed(name, present)}, " for name in self._key)
        md5 = f"md5_number({self._content(present)})" if digest else "NULL::UHUGEINT"
        with engine_errors(self._folder, _MORE_MEMORY):
            self._connection.execute(
                f"INSERT INTO seen SELECT * EXCLUDE (md5), (md5 >> 65)::BIGINT, "  # noqa: S608 - quoted names, numbers
                f"(md5 & 9223372036854775807::UHUGEINT)::BIGINT "
                f"FROM (SELECT {keys}{side}, {rank}, {file}, {md5} AS md5 FROM {rows})"
            )

    def _content(self, present: set[str] | frozenset[str]) -> str:
        """Return the SQL of a row's values as one text.

        It holds each value's length, so that no two rows have the same text.
        """
        texts = (_text(self._typed(name, present), type_) for name, type_ in self._types.items())
        return "concat(" + ", ".join(f"coalesce(strlen({text}) || ':' || {text}, '-')" for text in texts) + ")"

    def _typed(self, name: str, present: set[str] | frozenset[str]) -> str:
        """Return the SQL of a column in the source's current type.

        Files of older versions may lack it or have a narrower type.
        """
        return f"TRY_CAST({quoted(name) if name in present else 'NULL'} AS {self._types[name]})"

    def _parquet(self, path: Path) -> str:
        return f"read_parquet({_literal(str(path))}, hive_partitioning = false)"

    def _query(self, sql: str) -> list[tuple[object, ...]]:
        with engine_errors(self._folder, _MORE_MEMORY):
            return self._connection.execute(sql).fetchall()


def _text(value: str, type_: str) -> str:
    """Return the SQL of a value as text that no other value of its type has.

    It keeps a zero's sign and microseconds.
    """
    if type_.startswith("TIMESTAMP"):
        return f"epoch_us({value})::VARCHAR"
    return f"md5({value})" if type_ == "BLOB" else f"({value})::VARCHAR"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
