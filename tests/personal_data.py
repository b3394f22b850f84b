"""Searches a DuckDB file for people: in its bytes, and in every value, because DuckDB compresses its data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb

from ingest.contracts.names import quoted


def traces(path: Path, people: Iterable[str]) -> list[str]:
    """Return where addresses or whole names stand in the file, whatever their case: `bytes: x`, `table.column: x`."""
    wanted = sorted({person.lower() for person in people})
    assert wanted
    assert all("@" in person or " " in person for person in wanted), "or most values would not be looked at"
    content = _texts(path.read_bytes().lower())
    found = [f"bytes: {person}" for person in wanted if person.encode() in content]
    values = list(_values(path))
    all_of_them = "\n".join(value for _, value in values)
    for person in filter(all_of_them.__contains__, wanted):
        found += [f"{place}: {person}" for place, value in values if person in value]
    return found


def _texts(content: bytes) -> bytes:
    """Return all bytes that may be an address or a name, in lines: text between control characters, with `@` or a
    blank.
    """
    return b"\n".join(text for text in re.findall(rb"[^\x00-\x1f]{3,}", content) if b"@" in text or b" " in text)


def _values(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each column, as `table.column`, with its distinct values that may be an address or a name, in
    lower case.
    """
    with duckdb.connect(str(path), read_only=True) as connection:
        columns = connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() where not internal"
        ).fetchall()
        assert columns
        for schema, table, column in columns:
            value = f"lower(cast({quoted(column)} as varchar))"
            for (text,) in connection.execute(
                f"select distinct {value} from {quoted(schema)}.{quoted(table)} "
                f"where contains({value}, '@') or contains({value}, ' ')"
            ).fetchall():
                yield f"{table}.{column}", text
