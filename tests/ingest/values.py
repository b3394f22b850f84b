"""The values of a table as psycopg2 reads them, and in the lake, in one comparable form."""

from __future__ import annotations

import ctypes
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg2 import sql

from ingest.contracts.author import draft_contract
from ingest.contracts.introspect import live_tables
from ingest.contracts.model import StreamContract
from ingest.contracts.parse import parse_contract
from ingest.contracts.types import Kind
from ingest.lake.commit import CommitKind
from ingest.lake.log import CommitLog
from tests.ingest.run.world import World


def read_source(world: World, contract: StreamContract) -> list[dict[str, Any]]:
    """Read the table with psycopg2: native values, and Postgres' printed text for columns that land as text."""
    world.execute("set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'")
    columns = [
        sql.SQL(
            "case when num_nulls({0}) = 0 then concat({0}) end"
            if _prints(column.source_type, column.landing.kind)
            else "{0}"
        ).format(sql.Identifier(column.name))
        for column in contract.columns
    ]
    query = sql.SQL("select {} from {} order by 1").format(
        sql.SQL(", ").join(columns), sql.Identifier(*contract.source_object.split(".", 1))
    )
    rows = world.query(query.as_string(world.connection))
    return [
        {c.name: plain(value, c.source_type) for c, value in zip(contract.columns, row, strict=True)} for row in rows
    ]


def _prints(source_type: str, kind: Kind) -> bool:
    return kind is Kind.TEXT and not (source_type.startswith("char") and not source_type.endswith("]"))


def plain(value: Any, source_type: str) -> Any:
    """Return a value that equals another exactly if both are the same: bytes as bytes, numbers as written."""
    if isinstance(value, memoryview):
        return value.tobytes()
    if isinstance(value, float):
        # psycopg2 shows the shortest decimal that reads back as the real; a float of Python's has more bits.
        return repr(ctypes.c_float(value).value if source_type == "real" else value)
    if isinstance(value, Decimal):
        return str(value)
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


def landed(world: World, contract: StreamContract) -> list[dict[str, Any]]:
    """Return the rows of the newest commit in key order, without the platform's columns."""
    log = CommitLog(world.store, contract.stream)
    newest = log.head()
    while newest is not None and newest.kind is CommitKind.DELETES:
        newest = log.read(newest.version - 1)
    assert newest is not None
    rows = sorted(world.rows(newest), key=lambda row: [row[name] for name in contract.key])
    return [{c.name: plain(row[c.name], c.source_type) for c in contract.columns} for row in rows]


def drafted(world: World, name: str) -> StreamContract:
    return parse_contract(draft_of(world, name), origin=name)


def draft_of(world: World, name: str) -> str:
    return draft_contract(live_tables(world.connection, [name])[name])
