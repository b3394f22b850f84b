"""Rows of the shop's tables with any values that their contracts' types hold, and the expected rows of staging."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from ingest.contracts.model import Column, StreamContract
from ingest.contracts.types import Kind, LandingType
from tests.border.reading import Value
from tests.border.records import odd_text

SHOWN_AS: Mapping[str, Mapping[str, str]] = {
    "products": {"name": "product_name", "price": "list_price"},
    "warehouses": {"code": "warehouse_code", "name": "warehouse_name"},
    "stock_levels": {},
    "stock_movements": {},
    "customers": {},
    "orders": {"status": "order_status", "total_amount": "order_total"},
    "order_items": {},
}
"""The tables, and what staging calls a column otherwise than its source."""

_FIRST, _DAYS = date(1, 1, 1), 3_652_058
_BITS = {Kind.INT16: 16, Kind.INT32: 32, Kind.INT64: 64}
_JSON = (None, True, 0, -1.5, 2**40, "moss", "", "12", 350, "12.5", ["a"], {"b": {"c": None}})

Quote = Callable[[str], str]


@dataclass(frozen=True)
class Table:
    """Rows to land in a stream, each under a key of its own; some of its columns may have names that were drawn."""

    contract: StreamContract
    rows: Sequence[Mapping[str, Any]]

    @classmethod
    def drawn(cls, contract: StreamContract, rng: Random, count: int) -> Table:
        """`count` rows at most: equal keys are drawn once."""
        rows = [{column.name: _value(column, rng) for column in contract.columns} for _ in range(count)]
        return cls(contract, list({tuple(row[name] for name in contract.key): row for row in rows}.values()))

    def expected(self) -> list[list[Value]]:
        """Return the rows as staging must show them, in the order of their keys."""
        names = [column.name for column in self.contract.columns]
        return sorted(
            ([_shown(row[name]) for name in names] for row in self.rows),
            key=lambda shown: [shown[names.index(name)] for name in self.contract.key],
        )

    def query(self, quote: Quote, schema: str = "STAGING") -> str:
        """Return the query of these rows in staging."""
        shown = SHOWN_AS[self.contract.stream]
        # A backslash in a name is shown as _: see dbt/macros/raw/new_columns.sql.
        columns = [quote(shown.get(column.name, column.name).replace("\\", "_")) for column in self.contract.columns]
        keys = ", ".join(quote(name) for name in self.contract.key)
        return f"select {', '.join(columns)} from {schema}.stg_{self.contract.stream} order by {keys}"


def drawn_columns(contract: StreamContract, rng: Random, count: int) -> list[Column]:
    """Return text columns that `contract` does not have, with any names that Postgres takes and that no other
    could be.
    """
    taken = {column.name.casefold() for column in contract.columns} | set(SHOWN_AS[contract.stream].values())
    found: list[Column] = []
    while len(found) < count:
        name = odd_text(rng).replace("\0", "").replace("\\", "_")[:15]
        if name and name.casefold() not in taken and not name.lower().startswith(("_", "dbt_", "source_", "is_gone")):
            taken.add(name.casefold())
            found.append(Column(name, "text", LandingType(Kind.TEXT), False, None, False, ""))
    return found


def read(rows: Sequence[Sequence[Any]], table: Table) -> list[list[Value]]:
    """Convert a warehouse's rows to Python's types: Snowflake returns integers as decimals."""
    kinds = [column.landing.kind for column in table.contract.columns]
    return [
        [int(value) if kind in _BITS and value is not None else value for kind, value in zip(kinds, row, strict=True)]
        for row in rows
    ]


def _value(column: Column, rng: Random) -> Any:
    if not column.required and rng.randrange(4) == 0:
        return None
    landing = column.landing
    if landing.kind in _BITS:
        limit = 2 ** (_BITS[landing.kind] - 1)
        return rng.choice((0, 1, limit - 1, -limit, rng.randrange(-limit, limit)))
    if landing.kind is Kind.DECIMAL:
        limit = 10 ** (landing.precision or 0)
        return Decimal(rng.choice((0, limit - 1, 1 - limit, rng.randrange(limit)))).scaleb(-(landing.scale or 0))
    if landing.kind is Kind.BOOLEAN:
        return rng.random() < 0.5
    if landing.kind is Kind.DATE:
        return _day(rng)
    if landing.kind is Kind.TIMESTAMPTZ:
        day = datetime.combine(_day(rng), datetime.min.time(), UTC)
        return day + timedelta(microseconds=rng.choice((0, 1, 86_399_999_999, rng.randrange(86_400_000_000))))
    assert landing.kind is Kind.TEXT, f"{column.name}: no values of {landing.kind} are drawn here"
    if column.source_type == "jsonb":
        members = {name: rng.choice(_JSON) for name in ("colour", "material", "weight_grams", "note")}
        return json.dumps(members, ensure_ascii=rng.random() < 0.5)
    return odd_text(rng).replace("\0", "")


def _day(rng: Random) -> date:
    return _FIRST + timedelta(days=rng.choice((0, _DAYS, rng.randrange(_DAYS))))


def _shown(value: Any) -> Value:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value
