"""The content of a warehouse, in a form in which two warehouses can be compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from orchestration.warehouse.ddl import Table
from orchestration.warehouse.protocol import Session

_FAMILIES = {
    "BOOLEAN": "boolean",
    "TINYINT": "integer",
    "SMALLINT": "integer",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "FLOAT": "float",
    "DOUBLE": "float",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_NTZ": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "instant",
    "TIMESTAMP_TZ": "instant",
    "VARCHAR": "text",
    "BLOB": "bytes",
    "BINARY": "bytes",
}
_COMPARED: Mapping[type, Callable[[Any], object]] = {
    **dict.fromkeys((int, str, bytes, date, type(None)), lambda value: value),
    # Python takes 1, 1.0 and True for equal, and 1.50 and 1.5.
    **dict.fromkeys((bool, float, Decimal), repr),
    datetime: lambda value: value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat(),
}
"""The form in which values of each type of a warehouse are compared."""
_NUMBER = re.compile(r"(?:DECIMAL|NUMBER)\((\d+),\s*(\d+)\)")


@dataclass(frozen=True)
class Relation:
    """A table or view: type families by upper-case column name, in order, and its rows, counted."""

    columns: tuple[tuple[str, str], ...]
    rows: Counter[tuple[object, ...]]


def read_relation(session: Session, schema: str, name: str) -> Relation:
    """Return the present state of a relation."""
    columns = session.columns(Table(schema, name, ()))
    quoted = ", ".join(session.dialect.quote(column) for column in columns)
    rows = session.query(f"SELECT {quoted} FROM {schema}.{name}")
    return Relation(
        tuple((column.upper(), family(type_)) for column, type_ in columns.items()),
        Counter(tuple([_COMPARED[type(value)](value) for value in row]) for row in rows),
    )


def family(type_: str) -> str:
    """Return the common family of a type in both warehouses.

    Snowflake's integers are all NUMBER(38,0), and decimals agree in scale.
    """
    if match := _NUMBER.fullmatch(type_):
        return f"scale {match[2]}" if int(match[2]) else "integer"
    return _FAMILIES[type_]


def differences(duckdb: Mapping[str, Relation], snowflake: Mapping[str, Relation], limit: int = 3) -> list[str]:
    """Return the differences between both, in words."""
    found = [f"{name} is in one alone" for name in sorted(duckdb.keys() ^ snowflake.keys())]
    for name in sorted(duckdb.keys() & snowflake.keys()):
        found.extend(f"{name}: {text}" for text in _different(duckdb[name], snowflake[name], limit))
    return found


def _different(duckdb: Relation, snowflake: Relation, limit: int) -> Iterable[str]:
    if duckdb.columns != snowflake.columns:
        pairs = [pair for pair in zip(duckdb.columns, snowflake.columns, strict=False) if pair[0] != pair[1]]
        yield f"columns {pairs or (len(duckdb.columns), len(snowflake.columns))}"
    elif duckdb.rows != snowflake.rows:
        for where, rows in (
            ("DuckDB", duckdb.rows - snowflake.rows),
            ("Snowflake", snowflake.rows - duckdb.rows),
        ):
            yield f"{rows.total()} rows in {where} alone, such as {sorted(rows, key=str)[:limit]}"
