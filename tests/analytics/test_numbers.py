"""Every number of a page, counted a second time in plain Python from the rows of the marts, under many filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analytics.data import marts
from analytics.filters import Filters
from analytics.metrics import METRICS
from analytics.page import Page
from analytics.settings import Settings
from analytics.warehouse.duckdb_file import DuckDBFile
from tests.analytics.marts import LAST_DAY, Row, Shop

MONTH = LAST_DAY - timedelta(days=27)
EMPTY = date(2027, 6, 1)
CASES = {
    "a month": Filters(MONTH, LAST_DAY),
    "all": Filters(LAST_DAY - timedelta(days=364), LAST_DAY),
    "one day": Filters(LAST_DAY - timedelta(days=3), LAST_DAY - timedelta(days=3)),
    "a day without anything": Filters(EMPTY, EMPTY),
    "countries": Filters(MONTH, LAST_DAY, countries=("NL", "unknown")),
    "a category": Filters(MONTH, LAST_DAY, categories=("garden 'n' home",)),
    "no category": Filters(MONTH, LAST_DAY, categories=("unknown",)),
    "a campaign": Filters(MONTH, LAST_DAY, campaigns=("k0", "k3")),
    "all at once": Filters(MONTH, LAST_DAY, campaigns=("k1",), categories=("audio", "unknown"), countries=("DE",)),
    "what there is not": Filters(MONTH, LAST_DAY, campaigns=("' or 1 = 1 --",)),
    "dollars": Filters(LAST_DAY - timedelta(days=89), LAST_DAY, currency="USD"),
}
Read = Callable[..., pd.DataFrame]


@pytest.fixture(params=CASES, ids=str)
def filters(request: pytest.FixtureRequest) -> Filters:
    return CASES[request.param]


@pytest.fixture
def read(warehouse: Path, filters: Filters) -> Read:
    def frame(query: str, **values: object) -> pd.DataFrame:
        with marts(DuckDBFile(Settings.of({"WAREHOUSE_DIR": str(warehouse)}))) as found:
            return Page(found, filters).frame(query, **values)

    return frame


class Counted:
    """The rows that the filters leave, found without SQL."""

    def __init__(self, shop: Shop, filters: Filters) -> None:
        self.filters = filters
        self.category = {row["product_key"]: row["category"] or "unknown" for row in shop["dim_product"]}
        self.category_of_product = {row["product_id"]: row["category"] or "unknown" for row in shop["dim_product"]}
        self.country = {row["customer_key"]: row["country"] or "unknown" for row in shop["dim_customer"]}
        self.orders = [row for row in shop["fct_orders"] if self._order_fits(row)]
        chosen = {row["order_id"] for row in self.orders}
        self.lines_of_all = [
            row
            for row in shop["fct_order_lines"]
            if row["order_id"] in chosen
            and (not filters.categories or self.category[row["product_key"]] in filters.categories)
        ]
        if filters.categories:
            kept = {row["order_id"] for row in self.lines_of_all}
            self.orders = [row for row in self.orders if row["order_id"] in kept]
        self.lines = [row for row in self.lines_of_all if not row["is_cancelled"]]
        self.messages = [row for row in shop["fct_email_messages"] if self._message_fits(row)]
        sent = {row["message_id"] for row in self.messages}
        self.attributed = [
            row for row in shop["fct_orders"] if row["attributed_message_id"] in sent and not row["is_cancelled"]
        ]

    def _in_range(self, day: date) -> bool:
        return self.filters.first_day <= day <= self.filters.last_day

    def _order_fits(self, row: Row) -> bool:
        chosen = self.filters
        return (
            self._in_range(row["order_date"])
            and row["currency"] == chosen.currency
            and (not chosen.countries or self.country[row["customer_key"]] in chosen.countries)
            and (not chosen.campaigns or row["attributed_campaign_key"] in chosen.campaigns)
        )

    def _message_fits(self, row: Row) -> bool:
        chosen = self.filters
        return (
            self._in_range(row["sent_date"])
            and (not chosen.countries or self.country[row["customer_key"]] in chosen.countries)
            and (not chosen.campaigns or row["campaign_key"] in chosen.campaigns)
        )

    def revenue(self, order: Row) -> float:
        return float(sum(row["revenue_incl_tax"] for row in self.lines_of_all if row["order_id"] == order["order_id"]))


@pytest.fixture
def counted(shop: Shop, filters: Filters) -> Counted:
    return Counted(shop, filters)


def number(value: Any) -> float:
    """Return a sum over no rows is null in SQL, and 0 in Python."""
    return 0.0 if pd.isna(value) else float(value)


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def total(rows: Sequence[Row], column: str) -> float:
    return float(sum(row[column] for row in rows))


def test_orders(read: Read, counted: Counted) -> None:
    found = read("order_totals").iloc[0]
    kept = [row for row in counted.orders if not row["is_cancelled"]]
    revenue = sum(counted.revenue(row) for row in kept)
    known = [row for row in kept if row["buyer_type"] in ("new", "returning")]

    assert number(found["revenue"]) == pytest.approx(revenue)
    assert number(found["orders"]) == len(kept)
    assert number(found["placed_orders"]) == len(counted.orders)
    assert number(found["average_order"]) == pytest.approx(ratio(revenue, len(kept)))
    attributed = sum(counted.revenue(row) for row in kept if row["attributed_campaign_key"] is not None)
    assert number(found["attributed_revenue"]) == pytest.approx(attributed)
    cancelled = len(counted.orders) - len(kept)
    assert number(found["cancellation_rate"]) == pytest.approx(ratio(cancelled, len(counted.orders)))
    returning = sum(row["buyer_type"] == "returning" for row in known)
    assert number(found["returning_share"]) == pytest.approx(ratio(returning, len(known)))


def test_lines(read: Read, counted: Counted) -> None:
    found, lines = read("line_totals").iloc[0], counted.lines
    gross, discount = total(lines, "gross_amount_incl_tax"), total(lines, "discount_amount_incl_tax")

    assert number(found["units"]) == total(lines, "quantity")
    assert number(found["line_revenue"]) == pytest.approx(total(lines, "revenue_incl_tax"))
    assert number(found["list_amount"]) == pytest.approx(total(lines, "list_amount_incl_tax"))
    assert number(found["gross_amount"]) == pytest.approx(gross)
    assert number(found["discount_amount"]) == pytest.approx(discount)
    assert number(found["discount_share"]) == pytest.approx(ratio(discount, gross))
    by_category = read("sales_by_category")
    for row in by_category.itertuples():
        own = [line for line in lines if counted.category[line["product_key"]] == row.category]
        assert row.line_revenue == pytest.approx(total(own, "revenue_incl_tax"))
        assert row.line_orders == len({line["order_id"] for line in own})
    assert by_category["units"].sum() == total(lines, "quantity")


def test_messages(read: Read, counted: Counted) -> None:
    found, messages = {**read("message_totals").iloc[0], **read("attribution_totals").iloc[0]}, counted.messages
    sent, delivered = len(messages), sum(row["is_delivered"] for row in messages)
    stages = {
        "sent": sent,
        "delivered": delivered,
        "opened": sum(row["is_opened"] for row in messages),
        "opened_by_people": sum(row["is_opened_by_human"] for row in messages),
        "clicked": sum(row["is_clicked"] for row in messages),
        "unsubscribed": sum(row["unsubscribed_at"] is not None for row in messages),
        "complained": sum(row["complained_at"] is not None for row in messages),
        "hard_bounced": sum(row["bounce_class"] == "hard" for row in messages),
        "soft_bounced": sum(row["bounce_class"] == "soft" for row in messages),
        "without_consent": sum(row["consent_when_sent"] is False for row in messages),
        "after_unsubscription": sum(row["is_after_unsubscription"] for row in messages),
        "after_hard_bounce": sum(row["is_after_hard_bounce"] for row in messages),
        "message_orders": len(counted.attributed),
        "ordered": len({row["attributed_message_id"] for row in counted.attributed}),
    }
    assert {name: number(found[name]) for name in stages} == stages
    assert number(found["delivery_rate"]) == pytest.approx(ratio(delivered, sent))
    for name, part, whole in (
        ("open_rate", "opened", delivered), ("people_open_rate", "opened_by_people", delivered),
        ("click_rate", "clicked", delivered), ("unsubscribe_rate", "unsubscribed", delivered),
        ("complaint_rate", "complained", delivered), ("hard_bounce_rate", "hard_bounced", sent),
        ("soft_bounce_rate", "soft_bounced", sent),
    ):  # fmt: skip
        assert number(found[name]) == pytest.approx(ratio(stages[part], whole)), name
    for name, column in (("hours_to_open", "first_opened_at"), ("hours_to_click", "first_clicked_at")):
        waits = [(row[column] - row["sent_at"]).total_seconds() / 3600 for row in messages if row[column]]
        assert number(found[name]) == pytest.approx(ratio(sum(waits), len(waits))), name
    revenue = total(
        [row for row in counted.attributed if row["currency"] == counted.filters.currency], "revenue_incl_tax"
    )
    assert number(found["message_revenue"]) == pytest.approx(revenue)


def test_parts_add_up_to_the_totals(read: Read, counted: Counted) -> None:
    orders, messages = read("order_totals").iloc[0], read("message_totals").iloc[0]
    attributed = read("attribution_totals").iloc[0]

    for query, column in (("orders_over_time", "revenue"), ("revenue_by_country", "revenue")):
        assert read(query)[column].sum() == pytest.approx(number(orders["revenue"])), query
    assert read("orders_over_time")["orders"].sum() == number(orders["orders"])
    assert read("orders_over_time")["attributed_revenue"].sum() == pytest.approx(number(orders["attributed_revenue"]))
    for query in ("messages_over_time", "campaign_table", "health_by_country", "health_by_sender"):
        assert read(query)["sent"].sum() == number(messages["sent"]), query
    assert read("campaign_table")["message_revenue"].sum() == pytest.approx(number(attributed["message_revenue"]))
    bounced = number(messages["hard_bounced"]) + number(messages["soft_bounced"])
    assert read("bounces_by_code")["messages"].sum() == bounced


def test_time_is_drawn_without_gaps(read: Read, filters: Filters) -> None:
    drawn = list(read("orders_over_time")["drawn_on"])
    steps = {"day": filters.days, "week": len({(day.isocalendar()[:2]) for day in _days(filters)})}

    assert len(drawn) == steps[filters.grain]
    assert drawn == sorted(drawn)


def _days(filters: Filters) -> list[date]:
    return [filters.first_day + timedelta(days=number) for number in range(filters.days)]


@pytest.mark.parametrize("warehouses", [(), ("w0",), ("w1", "w2"), ("nowhere",)])
def test_stock(read: Read, shop: Shop, counted: Counted, warehouses: tuple[str, ...]) -> None:
    filters = counted.filters
    values = {"every_warehouse": 0 if warehouses else 1, "warehouses": warehouses}
    rows = [
        row
        for row in shop["fct_inventory_daily"]
        if filters.first_day <= row["inventory_date"] <= filters.last_day
        and (not warehouses or row["warehouse_key"] in warehouses)
        and (not filters.categories or counted.category_of_product[row["product_id"]] in filters.categories)
    ]
    last = max((row["inventory_date"] for row in rows), default=None)
    closing = [row for row in rows if row["inventory_date"] == last]
    found = read("stock_totals", **values).iloc[0]

    assert number(found["closing_quantity"]) == total(closing, "closing_quantity")
    assert number(found["stock_outs"]) == sum(row["closing_quantity"] <= 0 for row in closing)
    assert number(found["stock_places"]) == len(closing)
    assert number(found["below_reorder_point"]) == sum(row["is_below_reorder_point"] for row in closing)
    value = total(closing, "stock_value_incl_tax") if filters.currency == "EUR" else 0.0
    assert number(found["stock_value"]) == pytest.approx(value)
    cover = read("stock_cover", **values)
    sold: dict[tuple[str, int], int] = {}
    for move in shop["fct_stock_movements"]:
        if filters.last_day - timedelta(days=27) <= move["movement_date"] <= filters.last_day:
            key = (move["warehouse_key"], move["product_id"])
            sold[key] = sold.get(key, 0) - move["quantity"]
    expected = sorted(
        round(row["closing_quantity"] / (sold[key] / 28), 6)
        for row in closing
        if sold.get(key := (row["warehouse_key"], row["product_id"]))
    )
    assert sorted(round(float(days), 6) for days in cover["days_of_cover"].dropna()) == expected


def test_price_changes(read: Read, shop: Shop, counted: Counted) -> None:
    filters = counted.filters
    expected = {}
    for new in shop["dim_product"]:
        day = new["valid_from"].date()
        if new["version_number"] == 1 or not filters.first_day <= day <= filters.last_day:
            continue
        if filters.categories and (new["category"] or "unknown") not in filters.categories:
            continue
        sold = [
            (row["order_date"] < day, row["quantity"])
            for row in shop["fct_order_lines"]
            if row["product_id"] == new["product_id"]
            and not row["is_cancelled"]
            and day - timedelta(days=14) <= row["order_date"] < day + timedelta(days=14)
        ]
        expected[new["sku"]] = (
            pytest.approx(sum(quantity for before, quantity in sold if before) / 14),
            pytest.approx(sum(quantity for before, quantity in sold if not before) / 14),
        )
    found = {row.sku: (row.sold_before, row.sold_after) for row in read("price_changes").itertuples()}
    assert found == expected


def test_sign_up_cohorts(read: Read, shop: Shop, counted: Counted) -> None:
    filters = counted.filters
    customers = {
        row["customer_key"]: row["signed_up_on"].replace(day=1)
        for row in shop["dim_customer"]
        if row["signed_up_on"] is not None
        and row["signed_up_on"] <= filters.last_day
        and (not filters.countries or counted.country[row["customer_key"]] in filters.countries)
    }
    buyers = {
        (customers[row["customer_key"]], row["order_date"].replace(day=1), row["customer_key"])
        for row in shop["fct_orders"]
        if row["customer_key"] in customers and not row["is_cancelled"] and row["order_date"].year in (2027, 2028)
        and row["order_date"] <= filters.last_day
    }  # fmt: skip
    newest = sorted(set(customers.values()))[-12:]
    expected: dict[tuple[date, date], int] = {}
    for signed_up, ordered, _ in buyers:
        if ordered >= signed_up and signed_up in newest:
            expected[signed_up, ordered] = expected.get((signed_up, ordered), 0) + 1
    found = {
        (row.signed_up_month.date(), row.ordered_month.date()): row.buyers
        for row in read("signup_cohorts").itertuples()
    }
    assert found == expected


def test_every_metric_says_what_it_means() -> None:
    assert all(metric.meaning.endswith(".") and metric.label for metric in METRICS.values())
