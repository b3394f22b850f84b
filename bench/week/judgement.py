"""Checks the end of the week: lake and RAW hold all rows of the source, and the marts equal a full refresh."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import duckdb

from bench.measure import BenchError
from bench.week.facts import Kept
from bench.week.line import Line
from ingest.contracts.names import quoted
from ingest.lake.gc import find_orphans
from ingest.lake.log import CommitLog
from ingest.run.runner import open_ingestion

_SCHEMAS = ("INTERMEDIATE", "MART")
_NOT_OF_MODELS = "ops\\_%"
"""What runs did, and when: not built from the sources."""


def rows_at_the_source(line: Line) -> int:
    """Compare every row at the sources with the lake's by key and content. Return the number of rows.

    Raises BenchError that names the streams that differ.
    """
    with open_ingestion(line.ingest_settings, list(line.registry.values()), "judgement", store=line.store) as ingestion:
        found = [ingestion.verify(stream) for stream in line.registry]
    different = [f"{item.stream} ({item.note or item})" for item in found if item.differs or item.note]
    if different:
        raise BenchError(f"source and lake are not the same: {', '.join(different)}")
    return sum(item.equal for item in found)


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the sorted rows of each table above STAGING, without columns that hold an incremental model's
    own state.
    """
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        columns: dict[str, list[str]] = {}
        for schema, table, column in connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns "
            "where table_schema in (?, ?) and table_name not like ? escape '\\' "
            "and table_name not like '\\_%' escape '\\' and column_name not like '\\_%' escape '\\' order by all",
            [*_SCHEMAS, _NOT_OF_MODELS],
        ).fetchall():
            columns.setdefault(f"{quoted(schema)}.{quoted(table)}", []).append(quoted(column))
        return {
            table: connection.execute(f"select {', '.join(names)} from {table} order by all").fetchall()  # noqa: S608
            for table, names in columns.items()
        }


def require_same(built: Mapping[str, object], anew: Mapping[str, object]) -> None:
    """Raise BenchError that names the tables with other rows after a full refresh."""
    different = sorted(table for table in built.keys() | anew.keys() if built.get(table) != anew.get(table))
    if different:
        raise BenchError(f"a full refresh makes others of {', '.join(different)}")


def kept(line: Line) -> dict[str, Kept]:
    """Return the objects in the lake by kind."""
    found: dict[str, list[int]] = {}
    for item in line.store.list(""):
        top = item.key.partition("/")[0]
        found.setdefault(top if top.startswith("_") else "rows", []).append(item.bytes)
    return {name: Kept(objects=len(sizes), bytes=sum(sizes)) for name, sizes in sorted(found.items())}


def removable(line: Line) -> Kept:
    """Return the objects that `ingest gc` would remove once they are old enough."""
    sizes = [
        item.bytes
        for contract in line.registry.values()
        for item in find_orphans(line.store, contract, grace=timedelta(0)).old
    ]
    return Kept(objects=len(sizes), bytes=sum(sizes))


def keys_kept(line: Line) -> int:
    """Return the number of keys in the newest key sets of all streams."""
    heads = (CommitLog(line.store, stream).head() for stream in line.registry)
    return sum(head.key_set.rows for head in heads if head is not None and head.key_set is not None)
