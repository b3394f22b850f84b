"""Rows that the border accepts and that no real shop should have. `odd_rows` draws them for any stream's contract.

Values are drawn by the column's type, near its bounds. Identifiers are drawn from so few that rows meet and parents
lack.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

from ingest.contracts.model import Column, StreamContract
from ingest.contracts.types import Kind
from ingest.sources.api.records import RecordDecoder

Row = dict[str, Any]

IDENTIFIERS = (1, 2, 3, 3, 4, 5, -1, 0)
"""Of parents and children alike: some are there, some never land."""
INSTANTS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        "0001-01-01T00:00:00", "1582-10-10T12:00:00", "1899-12-31T23:59:59.999999", "1970-01-01T00:00:00",
        "2006-11-28T00:00:00", "2026-02-28T23:59:59.999999", "2026-03-01T00:00:00", "2026-03-29T01:30:00",
        "2026-03-31T12:00:00", "2026-04-01T12:00:00", "2038-01-19T03:14:08", "2206-11-28T00:00:00",
        "9999-12-30T23:59:59.5", "9999-12-31T23:59:59.999999",
    )
)  # fmt: skip
TEXTS = ("", " ", "'", '"', "\\", "ä ß", "日本語", "🛒", "x" * 3_000, "NULL", "1e400", "a\tb\nc", "A@mail.example")
MOMENTS = (
    "0001-01-01T00:00:00Z", "1970-01-01T00:00:00+14:00", "2026-02-28t23:59:59.999999z", "2026-03-01T00:00:00-12:00",
    "2026-03-01T10:00:00.1+05:30", "2038-01-19T03:14:08Z", "2206-11-28T00:00:00Z", "9999-12-31T23:59:59.999999Z",
)  # fmt: skip
JSONS = (
    None, True, -1, 0, 12.5, 1e300, 550, "550", "", [], {}, [1, [2]], {"sku": None}, {"sku": {"a": 1}, "url": 5},
    {"class": 5, "code": "550"}, {"class": "hard", "code": 99999999999}, {"colour": [], "weight_grams": "1e400"},
    {"weight_grams": -0.5, "material": None},
)  # fmt: skip


def odd_rows(contract: StreamContract, rng: Random, count: int, *, first: int = 0) -> list[Row]:
    """Return `count` rows of a stream with keys from about `first` on, without API records that its border refuses."""
    numbers = range(first, first + count)
    if contract.record_fields:
        return _accepted(contract, [_record(contract, rng, number) for number in numbers])
    return [{column.name: _value(column, rng, number) for column in contract.columns} for number in numbers]


def _value(column: Column, rng: Random, number: int) -> Any:
    if not column.required and column.key_position is None and rng.random() < 0.3:
        return None
    if column.name.endswith("_id"):
        return number if column.key_position and rng.random() < 0.8 else rng.choice(IDENTIFIERS)
    match column.landing.kind:
        case Kind.BOOLEAN:
            return rng.random() < 0.5
        case Kind.INT16 | Kind.INT32 | Kind.INT64:
            # 64 bits are for identifiers alone.
            return rng.choice((0, 1, -1, 7, 2**15 - 1, -(2**15), *((2**31 - 1, -(2**31)) if _is_wide(column) else ())))
        case Kind.DECIMAL:
            return _decimal(column, rng)
        case Kind.DATE:
            return rng.choice((date.min, date(2026, 3, 1), date.max))
        case Kind.TIMESTAMPTZ:
            return rng.choice(INSTANTS)
        case Kind.TEXT if column.source_type in ("json", "jsonb"):
            return json.dumps(rng.choice(JSONS))
        case Kind.TEXT:
            return rng.choice(TEXTS)
    raise AssertionError(f"no odd value for {column}")


def _is_wide(column: Column) -> bool:
    return column.landing.kind is not Kind.INT16


def _decimal(column: Column, rng: Random) -> Decimal:
    precision, scale = column.landing.precision or 38, column.landing.scale or 0
    greatest = Decimal(10**precision - 1).scaleb(-scale)
    return rng.choice((Decimal(0), Decimal(1).scaleb(-scale), Decimal(-1).scaleb(-scale), greatest, -greatest))


def _record(contract: StreamContract, rng: Random, number: int) -> bytes:
    record: Row = {}
    for field in contract.record_fields:
        if not field.required and rng.random() < 0.3:
            continue
        if field.name in contract.key:
            record[field.name] = f"{field.name}_{rng.choice((number, number, 1))}"
        elif field.name.endswith("_id"):
            record[field.name] = rng.choice((*map(str, range(5)), "", "campaign_id_1"))
        elif field.enum:
            record[field.name] = rng.choice(field.enum)
        else:
            record[field.name] = {
                "timestamp": rng.choice(MOMENTS),
                "string": rng.choice((*TEXTS, "12.345", "-0", "99999999999999999999")),
                "array": rng.choice([value for value in JSONS if isinstance(value, list)]),
                "object": rng.choice([value for value in JSONS if isinstance(value, dict)]),
            }[field.logical_type]
    return json.dumps(record).encode()


def _accepted(contract: StreamContract, records: Sequence[bytes]) -> list[Row]:
    """Return the records as the border reads them."""
    return RecordDecoder(contract).decode(list(records), first_position=0).rows.to_pylist()
