"""The marts' figures computed in Python from the sources' rows, without dbt, as a person would do by hand."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from tests.dbt.world.shop import Shop

Record = Mapping[str, Any]

UNKNOWN_DAY = date(1900, 1, 2)


def email_hash(address: str, salt: str = "dev-only-salt") -> str:
    """Return the hash as macros/email.sql computes it."""
    return hashlib.sha256((salt + address.strip().lower()).encode()).hexdigest()


def order_lines(shop: Shop) -> set[tuple[Any, ...]]:
    """Return the lines: line, order's status, customer (-1 for none), price charged, total."""
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
    """Return the units by day, warehouse and product, from a pair's first day to the run's, within the calendar."""
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


def message_counts(shop: Shop) -> dict[str, tuple[int, int]]:
    """Opens and clicks by message, each event once."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for event in _events(shop):
        counts[event["message_id"]][0] += event["type"] == "opened"
        counts[event["message_id"]][1] += event["type"] == "clicked"
    return {message: (opens, clicks) for message, (opens, clicks) in counts.items()}


def cohorts(shop: Shop) -> dict[tuple[str, date], tuple[int, int, int, int]]:
    """Return the counts by campaign and UTC day of sending: sent, delivered, opened, clicked.

    A stage implies those before.
    """
    reported: dict[str, set[str]] = defaultdict(set)
    sent_on: dict[str, date] = {}
    campaigns = {}
    for event in _events(shop):
        reported[event["message_id"]].add(event["type"])
        campaigns[event["message_id"]] = event["campaign_id"]
        if event["type"] == "sent":
            sent_on[event["message_id"]] = date.fromisoformat(event["occurred_at"][:10])
    counts: dict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for message, types in reported.items():
        count = counts[campaigns[message], sent_on.get(message, UNKNOWN_DAY)]
        clicked = "clicked" in types
        opened = clicked or "opened" in types
        delivered = opened or bool(types & {"delivered", "unsubscribed", "complained"})
        for stage, reached in enumerate((True, delivered, opened, clicked)):
            count[stage] += reached
    return {cohort: (count[0], count[1], count[2], count[3]) for cohort, count in counts.items()}


def _events(shop: Shop) -> Iterable[Record]:
    return {delivery["event_id"]: json.loads(delivery["payload"]) for delivery in shop.deliveries}.values()


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))
