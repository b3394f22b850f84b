"""What a warehouse holds, in terms that two warehouses can be compared by."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from orchestration.warehouse.ddl import Table
from orchestration.warehouse.protocol import Row, Session

CLOCK_COLUMNS = ("dbt_valid_from", "dbt_valid_to", "dbt_updated_at", "valid_from", "valid_to")
"""Where dbt writes the time at which it found a deletion, in snapshots and in what is made of them."""
_CLOCKS_DIFFER = timedelta(seconds=5)
"""How far an account's clock may be from ours."""

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
_NUMBER = re.compile(r"(?:DECIMAL|NUMBER)\((\d+),\s*(\d+)\)")


@dataclass(frozen=True)
class Period:
    """When a build ran, on both warehouses."""

    begin: datetime
    end: datetime

    def distance(self, moment: datetime) -> timedelta:
        """How far a moment is from it; nothing within it."""
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        return max(self.begin - moment, moment - self.end, timedelta(0))


@dataclass(frozen=True)
class Relation:
    """A table or view: families of types by upper-case column name, in order, and its rows, counted."""

    columns: tuple[tuple[str, str], ...]
    rows: Counter[tuple[str, ...]]


def read_relation(session: Session, schema: str, name: str, builds: Sequence[Period]) -> Relation:
    """A relation as it is. A time that dbt took from the clock stands as the number of the build it was taken in."""
    columns = session.columns(Table(schema, name, ()))
    quoted = ", ".join(session.dialect.quote(column) for column in columns)
    rows = session.query(f"SELECT {quoted} FROM {schema}.{name}")
    names = [column.lower() for column in columns]
    return Relation(
        tuple((column.upper(), family(type_)) for column, type_ in columns.items()),
        Counter(_values(names, row, builds) for row in rows),
    )


def family(type_: str) -> str:
    """What a type is in both warehouses: Snowflake's integers are all NUMBER(38,0), and decimals agree in scale."""
    if match := _NUMBER.fullmatch(type_):
        return f"scale {match[2]}" if int(match[2]) else "integer"
    return _FAMILIES[type_]


def _values(names: Sequence[str], row: Row, builds: Sequence[Period]) -> tuple[str, ...]:
    values = [_text(name, value, builds) for name, value in zip(names, row, strict=True)]
    if dict(zip(names, row, strict=True)).get("dbt_is_deleted") == "True":
        # The id of a deletion is a hash over the time at which it was found.
        values[names.index("dbt_scd_id")] = "hash of a clock's time"
    return tuple(values)


def _text(name: str, value: object, builds: Sequence[Period]) -> str:
    if isinstance(value, datetime):
        nearest = min(builds, key=lambda build: build.distance(value))
        if name in CLOCK_COLUMNS and nearest.distance(value) < _CLOCKS_DIFFER:
            return f"found by build {builds.index(nearest) + 1}"
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, Decimal | float | date | bytes | bool | int | str) or value is None:
        return f"{type(value).__name__} {value!s}"
    raise AssertionError(f"{name} is a {type(value).__name__}")


def differences(duckdb: Mapping[str, Relation], snowflake: Mapping[str, Relation], limit: int = 3) -> list[str]:
    """What is not the same in both, in words."""
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
            yield f"{rows.total()} rows in {where} alone, such as {sorted(rows)[:limit]}"
