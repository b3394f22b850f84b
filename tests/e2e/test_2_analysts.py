"""The pages over the marts after a run, in a browser: their numbers equal the published file's."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest

from tests.e2e.platform import Platform, Warehouse
from tests.e2e.ui import Ui
from tests.e2e.waiting import until

COUNTRY = "NL"
_PERIOD = """
with period as (
    select max(calendar_date) - 364 as first_day, max(calendar_date) as last_day
    from MART.dim_date
    where out_of_range is null
)
"""


@pytest.fixture(scope="module")
def warehouse(platform: Platform) -> Warehouse:
    [first, *_] = until(lambda: platform.prefect.runs("full"), seconds=60, what="the first run")
    platform.prefect.ended(first.id)
    return platform.warehouse()


@pytest.fixture(scope="module")
def seen(warehouse: Warehouse, analysts: Ui) -> dict[str, Any]:
    """The browser's report on all pages."""
    return analysts.visit("analytics", "Year", COUNTRY, pictures="analytics")


def ask(warehouse: Warehouse, sql: str) -> tuple[Any, ...]:
    with warehouse.published() as connection:
        [row] = connection.execute(_PERIOD + sql).fetchall()
        return tuple(row)


def figure(text: str, label: str) -> int:
    """Return the number on the card with this label, without cents."""
    found = re.search(rf"^{label}\s+€?([\d,]+)", text, re.MULTILINE)
    assert found, text[:2000]
    return int(found[1].replace(",", ""))


def test_every_page_is_whole_and_says_which_run_it_is_of(warehouse: Warehouse, seen: dict[str, Any]) -> None:
    (run_id,) = ask(warehouse, "select run_id from MART._publication")

    pages = {"overview", "campaigns", "list-health", "sales", "stock", "price-history", "data-quality", "runs"}
    assert set(seen["texts"]) == pages
    for name, text in seen["texts"].items():
        assert f"by run {run_id}" in " ".join(text.split()), name
        assert "all 9 streams equal to the source" in text, name
        assert "not those that this page knows" not in text, name
    assert seen["exceptions"] == 0
    assert seen["unnamed"] == 0


def test_pages_and_filters_are_reached_by_keyboard(seen: dict[str, Any]) -> None:
    pages = {"Overview", "Campaigns", "List health", "Sales", "Stock", "Price history", "Data quality", "Runs"}

    assert seen["focused"][0] == "Skip to main content"
    assert pages | {"Period", "Campaigns", "Categories", "Countries"} <= set(seen["focused"])


def test_the_figures_are_those_of_the_published_file(warehouse: Warehouse, seen: dict[str, Any]) -> None:
    of_orders = (
        "select count(*) filter (not is_cancelled), round(sum(revenue_incl_tax)) from MART.fct_orders, period "
        "where order_date between first_day and last_day and currency = 'EUR'"
    )
    orders, revenue = ask(warehouse, of_orders)
    (delivered,) = ask(
        warehouse,
        "select sum(messages_delivered) from MART.fct_campaign_cohorts, period "
        "where sent_date between first_day and last_day",
    )
    (of_country,) = ask(
        warehouse,
        "select count(*) from MART.fct_orders join MART.dim_customer using (customer_key), period "
        f"where order_date between first_day and last_day and not is_cancelled and country = '{COUNTRY}'",
    )

    overview = seen["texts"]["overview"]
    assert figure(overview, "Orders") == orders > 0
    assert figure(overview, "Revenue") == pytest.approx(float(revenue), abs=1)
    assert figure(overview, "Delivered") == delivered > 0
    assert figure(seen["filtered"], "Orders") == of_country < orders


def test_the_table_of_campaigns_downloads(warehouse: Warehouse, seen: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(seen["csv"])))
    sent, campaigns = ask(
        warehouse,
        "select sum(messages_sent), count(distinct campaign_key) from MART.fct_campaign_cohorts, period "
        "where sent_date between first_day and last_day",
    )

    assert sum(int(row["sent"]) for row in rows) == sent
    assert len(rows) == campaigns


def test_nothing_is_fetched_from_anywhere_else(platform: Platform, seen: dict[str, Any]) -> None:
    assert {host for host in seen["hosts"] if host} == {f"localhost:{platform.stack.ports.analytics}"}
