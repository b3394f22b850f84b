"""The marts' figures computed from the sources' rows in Python, without dbt: what a person would do by hand."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt.shop import Shop

Record = Mapping[str, Any]


def email_hash(address: str, salt: str = "dev-only-salt") -> str:
    """As macros/email.sql has it."""
    return hashlib.sha256((salt + address.strip().lower()).encode()).hexdigest()


def order_lines(shop: Shop) -> set[tuple[Any, ...]]:
    """Line, order's status, customer (-1 for nobody), price charged, total."""
    orders = shop.rows("orders")
    return {
        (
            line["order_item_id"],
            order["status"],
            order["customer_id"] or -1,
            line["unit_price"],
            line["line_total"],
        )
        for line in shop.rows("order_items").values()
        for order in [orders[(line["order_id"],)]]
    }


def closing_stock(shop: Shop, *, run_day: date, first_day: date = date.min) -> dict[tuple[date, int, int], int]:
    """Units by day, warehouse and product, from a pair's first day to the run's, within the calendar."""
    moves: dict[tuple[int, int], dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for row in shop.rows("stock_movements").values():
        if row["moved_at"].date() <= run_day:
            day = max(row["moved_at"].date(), first_day)
            moves[row["warehouse_id"], row["product_id"]][day] += row["quantity"]
    closing = {}
    for (warehouse_id, product_id), days in moves.items():
        units = 0
        for day in _days(min(days), run_day):
            units += days.get(day, 0)
            closing[day, warehouse_id, product_id] = units
    return closing


def attributed_revenue(shop: Shop) -> dict[tuple[str, date], Decimal]:
    """Revenue by campaign and day of the last click within seven days before the order."""
    clicks = _clicks_by_address(shop)
    revenue: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for order in shop.rows("orders").values():
        customer = shop.rows("customers").get((order["customer_id"],))
        if customer is None or order["status"] == "cancelled":
            continue
        window = (order["placed_at"] - timedelta(days=7), order["placed_at"])
        eligible = [click for click in clicks[customer["email"]] if window[0] <= click[0] <= window[1]]
        if eligible:
            clicked_at, _, campaign = max(eligible)
            revenue[campaign, clicked_at.date()] += order["total_amount"]
    return dict(revenue)


def message_counts(shop: Shop) -> dict[str, tuple[int, int]]:
    """Opens and clicks by message, each event once."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for event in _events(shop):
        counts[event["message_id"]][0] += event["type"] == "opened"
        counts[event["message_id"]][1] += event["type"] == "clicked"
    return {message: (opens, clicks) for message, (opens, clicks) in counts.items()}


def _clicks_by_address(shop: Shop) -> dict[str, list[tuple[datetime, str, str]]]:
    clicks: dict[str, list[tuple[datetime, str, str]]] = defaultdict(list)
    for event in _events(shop):
        if event["type"] == "clicked":
            occurred_at = datetime.fromisoformat(event["occurred_at"])
            clicks[event["recipient"]].append((occurred_at, event["event_id"], event["campaign_id"]))
    return clicks


def _events(shop: Shop) -> Iterable[Record]:
    return {delivery["event_id"]: json.loads(delivery["payload"]) for delivery in shop.deliveries}.values()


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))
