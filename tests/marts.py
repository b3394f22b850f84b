"""The marts, compared with the sources by independent code."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import httpx

from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore

SALT = "dev-only-salt"
"""Of the containers."""
EVENT_TYPES = {"sent", "delivered", "bounced", "opened", "clicked", "unsubscribed", "complained"}


class Sides(Protocol):
    """A platform at rest: its published marts, its shop, and its provider's events as `landed_events` gives them."""

    def mart(self, query: str) -> list[tuple[Any, ...]]: ...

    def source(self, query: str) -> list[tuple[Any, ...]]: ...

    def events(self) -> list[dict[str, Any]]: ...


def landed_events(store: ObjectStore, base_url: str, api_key: str) -> list[dict[str, Any]]:
    """Return the provider's events below the lake's watermark that keep the contract, each once."""
    head = CommitLog(store, "email_events").head()
    assert head is not None
    assert head.watermark.after is not None
    records = _pages(base_url, api_key, "/v1/events", until=head.watermark.after)
    return list({record["event_id"]: record for record in records if _keeps_contract(record)}.values())


def _pages(base_url: str, api_key: str, path: str, *, until: datetime) -> Iterator[Any]:
    headers = {"Authorization": f"Bearer {api_key}"}
    with httpx.Client(base_url=base_url, headers=headers, trust_env=False) as client:
        cursor: str | None = ""
        while cursor is not None:
            params = {"limit": "1000", "until": until.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
            page = client.get(path, params=params | ({"cursor": cursor} if cursor else {})).json()
            yield from page["data"]
            cursor = page["next_cursor"]


def assert_marts_equal_sources(sides: Sides, *, salt: str = SALT) -> None:
    assert_orders(sides)
    assert_order_lines(sides)
    assert_stock(sides)
    assert_customers(sides, salt)
    assert_prices(sides)
    events = sides.events()
    assert_messages(sides, events)
    assert_attribution(sides, events)


def assert_order_lines(sides: Sides) -> None:
    source = sides.source(
        "select i.order_item_id, i.order_id, i.product_id, o.customer_id, o.status, i.quantity, i.unit_price,"
        " i.line_total, o.placed_at at time zone 'UTC' from order_items i join orders o using (order_id) order by 1"
    )
    mart = sides.mart(
        "select order_item_id, order_id, product_id, customer_id, order_status, quantity, unit_price_incl_tax,"
        " line_total_incl_tax, placed_at from MART.fct_order_lines order by 1"
    )
    assert mart == source


def assert_orders(sides: Sides) -> None:
    """Check the present orders, and each one's position among its customer's orders that are not cancelled."""
    source = sides.source(
        "select order_id, customer_id, status, total_amount,"
        " case when status = 'cancelled' then 0 else total_amount end from orders order by 1"
    )
    mart = sides.mart(
        "select order_id, nullif(customer_id, -1), order_status, order_total_incl_tax, revenue_incl_tax"
        " from MART.fct_orders join MART.dim_customer using (customer_key) order by 1"
    )
    assert mart == source
    source = sides.source(
        "select order_id, row_number() over (partition by customer_id order by placed_at, order_id) from orders"
        " where status <> 'cancelled' and customer_id is not null order by 1"
    )
    mart = sides.mart(
        "select order_id, customer_order_number from MART.fct_orders"
        " where customer_order_number is not null and customer_key <> 'unknown' order by 1"
    )
    assert mart == source


def assert_stock(sides: Sides) -> None:
    movements = "movement_id, product_id, quantity, reason, order_id"
    assert sides.mart(f"select {movements} from MART.fct_stock_movements order by 1") == sides.source(
        f"select {movements} from stock_movements order by 1"
    )
    on_hand = sides.source(
        "select w.code, l.product_id, l.on_hand from stock_levels l join warehouses w using (warehouse_id)"
        " where exists (select from stock_movements m where m.warehouse_id = l.warehouse_id"
        " and m.product_id = l.product_id) order by 1, 2"
    )
    closing_today = sides.mart(
        "select w.warehouse_code, i.product_id, i.closing_quantity from MART.fct_inventory_daily i"
        " join MART.dim_warehouse w using (warehouse_key)"
        " where inventory_date = (select max(inventory_date) from MART.fct_inventory_daily) order by 1, 2"
    )
    assert closing_today == on_hand


def assert_customers(sides: Sides, salt: str) -> None:
    source = sides.source("select customer_id, email, country from customers order by 1")
    mart = sides.mart("select customer_id, email_hash, country from MART.dim_customer where customer_id > 0 order by 1")
    assert mart == [(number, _hash(email, salt), country) for number, email, country in source]


def assert_prices(sides: Sides) -> None:
    source = sides.source("select product_id, price from products order by 1")
    mart = sides.mart(
        "select product_id, list_price from MART.dim_product where product_id > 0 and is_current"
        " and not is_deleted order by 1"
    )
    assert mart == source


def assert_messages(sides: Sides, events: list[dict[str, Any]]) -> None:
    assert sides.mart("select count(*) from MART.fct_email_events") == [(len(events),)]
    first: dict[str, dict[str, datetime]] = defaultdict(dict)
    clicks: Counter[str] = Counter()
    for event in events:
        stages = first[event["message_id"]]
        occurred_at = _moment(event["occurred_at"])
        stages[event["type"]] = min(occurred_at, stages.get(event["type"], occurred_at))
        clicks[event["message_id"]] += event["type"] == "clicked"
    names = ("sent", "delivered", "bounced", "opened", "clicked")
    expected = sorted((message, *map(stages.get, names), clicks[message]) for message, stages in first.items())
    mart = sides.mart(
        "select message_id, sent_at, delivered_at, bounced_at, first_opened_at, first_clicked_at, click_count"
        " from MART.fct_email_messages order by 1"
    )
    assert mart == expected


def assert_attribution(sides: Sides, events: list[dict[str, Any]]) -> None:
    """Check revenue by last click: an order that is not cancelled counts for its customer's last click in 7 days.

    Only present customers are compared: the marts know whose the orders of erased customers were, but the source does
    not.
    """
    clicks = defaultdict(list)
    for event in events:
        if event["type"] == "clicked":
            click = (_moment(event["occurred_at"]), event["event_id"], event["campaign_id"])
            clicks[event["recipient"]].append(click)
    revenue: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    orders = sides.source(
        "select c.email, o.placed_at at time zone 'UTC', o.total_amount from orders o join customers c"
        " using (customer_id) where o.status <> 'cancelled'"
    )
    for email, placed_at, total in orders:
        before = [click for click in clicks[email] if placed_at - timedelta(days=7) <= click[0] <= placed_at]
        if before:
            clicked_at, _, campaign = max(before)
            revenue[campaign, clicked_at.date()] += total
    mart = sides.mart(
        "select campaign_id, cast(attributed_clicked_at as date), sum(revenue_incl_tax) from MART.fct_orders"
        " join MART.dim_campaign on campaign_key = attributed_campaign_key"
        " where customer_key <> 'unknown' and not is_cancelled group by 1, 2"
    )
    assert revenue, "no order met a click: the comparison would be empty words"
    assert {(campaign, day): amount for campaign, day, amount in mart} == dict(revenue)


def _keeps_contract(record: object) -> bool:
    texts = ("event_id", "type", "message_id", "campaign_id", "recipient", "occurred_at", "received_at")
    if not isinstance(record, dict) or any(not isinstance(record.get(name), str) for name in texts):
        return False
    return record["type"] in EVENT_TYPES and _is_moment(record["occurred_at"])


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def _hash(email: str, salt: str) -> str:
    return hashlib.sha256(f"{salt}{email.strip().lower()}".encode()).hexdigest()
