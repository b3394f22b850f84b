"""Rows of the shop's tables. Names and order of the fields are those of the columns."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeVar

_STAMPS = ("created_at", "updated_at")

Row = TypeVar("Row", bound=NamedTuple)


def stamped_earlier(rows: Iterable[Row], by: timedelta) -> Iterator[Row]:
    """Yield the rows with an earlier created_at and updated_at, the database's times."""
    if not by:
        yield from rows
        return
    for row in rows:
        yield row._replace(**{name: getattr(row, name) - by for name in _STAMPS if name in row._fields})


class Product(NamedTuple):
    """products; `attributes` is JSON text."""

    product_id: int
    sku: str
    name: str
    category: str
    price: Decimal
    currency: str
    attributes: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class Warehouse(NamedTuple):
    """warehouses"""

    warehouse_id: int
    code: str
    name: str
    city: str
    country: str
    opened_on: date
    created_at: datetime
    updated_at: datetime


class StockLevel(NamedTuple):
    """stock_levels"""

    warehouse_id: int
    product_id: int
    on_hand: int
    reorder_point: int
    created_at: datetime
    updated_at: datetime


class StockMovement(NamedTuple):
    """stock_movements"""

    movement_id: int
    warehouse_id: int
    product_id: int
    quantity: int
    reason: str
    order_id: int | None
    moved_at: datetime
    created_at: datetime


class Customer(NamedTuple):
    """customers"""

    customer_id: int
    email: str
    full_name: str
    country: str
    marketing_consent: bool
    signed_up_at: datetime
    created_at: datetime
    updated_at: datetime


class Order(NamedTuple):
    """orders"""

    order_id: int
    customer_id: int | None
    status: str
    currency: str
    total_amount: Decimal
    placed_at: datetime
    created_at: datetime
    updated_at: datetime


class OrderItem(NamedTuple):
    """order_items"""

    order_item_id: int
    order_id: int
    line_number: int
    product_id: int
    warehouse_id: int
    quantity: int
    unit_price: Decimal
    discount_rate: Decimal
    line_total: Decimal
    created_at: datetime
    updated_at: datetime
