"""The content of a source, read without the platform's readers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import msgspec
import psycopg2
from psycopg2 import sql

from ingest.contracts.model import Column, Source, StreamContract
from ingest.contracts.types import Kind
from ingest.settings import IngestSettings
from tests.chaos.comparison.rows import Key, canonical

_SESSION = "-c TimeZone=UTC -c DateStyle=ISO,YMD -c IntervalStyle=postgres -c bytea_output=hex -c lc_monetary=C"


@dataclass
class SourceSide:
    """Rows by key. `given` counts how often the source itself gives a (key, cursor).

    `unsettled` are keys whose state the watermark does not cover, `unreadable` records below the watermark without a
    usable key.
    """

    rows: dict[Key, dict[str, str]] = field(default_factory=dict)
    records: dict[Key, bytes] = field(default_factory=dict)
    given: Counter[Key] = field(default_factory=Counter)
    unsettled: set[Key] = field(default_factory=set)
    unreadable: list[bytes] = field(default_factory=list)


def read_source(settings: IngestSettings, contract: StreamContract, watermark: datetime | None) -> SourceSide:
    """Read one stream of the source completely. An API's records at or above `watermark` are unsettled.

    An API lists by the cursor and is asked for both sides of the watermark. So it says itself where a record lies that
    shows no cursor. The side above is asked second, because a record that changes in between moves there.
    """
    if contract.spec.source is Source.POSTGRES:
        return _table(settings, contract)
    return _collection(settings, contract, watermark)


def _table(settings: IngestSettings, contract: StreamContract) -> SourceSide:
    side = SourceSide()
    names = [column.name for column in contract.columns]
    schema, table = contract.source_object.split(".", 1)
    query = sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(_expression(column) for column in contract.columns), sql.Identifier(schema, table)
    )
    dsn = settings.postgres_dsn.get_secret_value()
    with closing(psycopg2.connect(dsn, options=_SESSION)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        for values in cursor:
            row = dict(zip(names, map(canonical, values), strict=True))
            key = tuple(row[name] for name in contract.key)
            side.rows[key] = row
            if contract.spec.cursor:
                side.given[(*key, row[contract.spec.cursor])] += 1
    return side


def _expression(column: Column) -> sql.Composable:
    """Return the expression to compare: the printed text for a type that lands as text; a double for a real."""
    name = sql.Identifier(column.name)
    if column.landing.kind is Kind.TEXT:
        return sql.SQL("{}::text").format(name)
    if column.landing.kind is Kind.FLOAT32:
        return sql.SQL("{}::float8").format(name)
    return name


def _collection(settings: IngestSettings, contract: StreamContract, watermark: datetime | None) -> SourceSide:
    side = SourceSide()
    if watermark is not None:
        below = _records(settings, contract.source_object, {"until": watermark.isoformat()})
        side.unreadable = _gather(side, contract, below)
    above = SourceSide()
    bound = {} if watermark is None else {"from": watermark.isoformat()}
    _gather(above, contract, _records(settings, contract.source_object, bound))
    return SourceSide(
        rows=side.rows | above.rows,
        records=side.records | above.records,
        given=side.given + above.given,
        unsettled=set(above.rows),
        unreadable=side.unreadable,
    )


def _gather(side: SourceSide, contract: StreamContract, records: Iterable[bytes]) -> list[bytes]:
    """Add the records to `side`; return those without a usable key or cursor."""
    unreadable = []
    cursor_name = contract.cursor_column.name
    for record in records:
        row = _record_row(contract, record)
        if row is None:
            unreadable.append(record)
            continue
        key = tuple(row[name] for name in contract.key)
        side.rows[key] = row
        side.records[key] = record
        side.given[(*key, row[cursor_name])] += 1
    return unreadable


def _record_row(contract: StreamContract, record: bytes) -> dict[str, str] | None:
    """Return the landed columns of a record; None for one that shows no key or no cursor."""
    try:
        fields = json.loads(record)
        named = {name: fields[name] for name in (*contract.key, contract.cursor_column.name)}
        moment = datetime.fromisoformat(named[contract.cursor_column.name])
    except (ValueError, KeyError, TypeError):
        return None
    if any(not isinstance(named[name], str) for name in contract.key):
        return None
    row = {name: canonical(value) for name, value in named.items()}
    return {**row, contract.cursor_column.name: canonical(moment), "payload": record.decode()}


def _records(settings: IngestSettings, path: str, window: Mapping[str, str]) -> Iterator[bytes]:
    headers = {"Authorization": f"Bearer {settings.saas_api_key.get_secret_value()}"}
    cursor: str | None = ""
    with httpx.Client(base_url=settings.saas_base_url, headers=headers, trust_env=False, timeout=60) as client:
        while cursor is not None:
            answer = client.get(path, params={"limit": "1000", **window} | ({"cursor": cursor} if cursor else {}))
            answer.raise_for_status()
            page = msgspec.json.decode(answer.content, type=dict[str, msgspec.Raw])
            yield from (bytes(raw) for raw in msgspec.json.decode(page["data"], type=list[msgspec.Raw]))
            cursor = msgspec.json.decode(page["next_cursor"], type=str | None)
