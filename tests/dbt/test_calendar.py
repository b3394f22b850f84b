"""Dates far off, of every fact: kept, out of range, and in range when their day has come."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.test_incremental import MODELS, assert_equals_a_full_refresh
from tests.dbt.world import expected
from tests.dbt.world.history import live_far_away, open_shop
from tests.dbt.world.shop import Shop

FIRST_DAY = date(2000, 1, 1)
SHOP = ZoneInfo("Europe/Amsterdam")
BEFORE, AFTER = date(1900, 1, 1), date(9999, 12, 31)
LOCAL_DATES = (
    ("fct_stock_movements", "movement_local_date", "moved_at"),
    ("fct_order_lines", "order_local_date", "placed_at"),
    ("fct_orders", "order_local_date", "placed_at"),
    ("fct_email_events", "event_local_date", "occurred_at"),
    ("fct_email_messages", "sent_local_date", "sent_at"),
)
INCREMENTAL = ("--select", "config.materialized:incremental", "dim_date", "fct_orders", "fct_campaign_activity_daily")


@pytest.mark.slow
def test_facts_come_into_range_with_the_runs_day(raw: RawDatabase, dbt: Dbt, tmp_path: Path) -> None:
    shop = open_shop(Random(5))
    live_far_away(shop)
    shop.land(raw)
    moments = ("2026-03-10T23:59:59Z", "2026-03-31T00:00:00Z", "2026-03-16T12:00:00Z")
    for number, moment in enumerate(moments):
        selected = MODELS if number == 0 else INCREMENTAL
        dbt.succeed("build" if number == 0 else "run", *selected, BUSINESS_NOW=moment, FULL_TESTS="false")
        assert_dated_by_the_calendar(raw, shop, datetime.fromisoformat(moment))
        assert_the_balances_count_what_has_moved(raw, shop, datetime.fromisoformat(moment).date())
    assert_equals_a_full_refresh(raw, dbt, tmp_path / "spare.duckdb", BUSINESS_NOW=moments[-1])


def assert_dated_by_the_calendar(raw: RawDatabase, shop: Shop, moment: datetime) -> None:
    run_day, local_day = moment.date(), moment.astimezone(SHOP).date()
    days = raw.query("select min(calendar_date), max(calendar_date) from MART.dim_date where out_of_range is null")
    assert days == [(FIRST_DAY, max(run_day, local_day))]
    facts = (
        ("fct_stock_movements", "movement_date", "moved_at", len(shop.rows("stock_movements"))),
        ("fct_order_lines", "order_date", "placed_at", len(shop.rows("order_items"))),
        ("fct_email_events", "event_date", "occurred_at", len(shop.deliveries)),
        ("fct_email_messages", "sent_date", "sent_at", len({row["record"]["message_id"] for row in shop.deliveries})),
    )
    for fact, shown, time, count in facts:
        dates = raw.query(f"select {shown}, {time}::date from MART.{fact}")
        assert len(dates) == count, fact
        outside = [row for row in dates if not FIRST_DAY <= row[1] <= run_day]
        assert {row[0] for row in outside} == {BEFORE, AFTER}, fact
        assert dates == [(BEFORE if day < FIRST_DAY else AFTER if day > run_day else day, day) for _, day in dates]
    for fact, shown, time in LOCAL_DATES:
        rows = raw.query(
            f"select {shown}, {time} from MART.{fact} where {time} > '1900-01-01' and {time} < '9999-01-01'"
        )
        for shown_day, instant in rows:
            day = instant.replace(tzinfo=UTC).astimezone(SHOP).date()
            assert shown_day == (BEFORE if day < FIRST_DAY else AFTER if day > local_day else day), (fact, instant)


def assert_the_balances_count_what_has_moved(raw: RawDatabase, shop: Shop, run_day: date) -> None:
    stock = raw.query(
        "select inventory_date, warehouse_id, product_id, closing_quantity "
        "from MART.fct_inventory_daily join MART.dim_warehouse using (warehouse_key)"
    )
    wanted = expected.closing_stock(shop, first_day=FIRST_DAY, run_day=run_day)
    assert {(day, warehouse, product): units for day, warehouse, product, units in stock} == wanted
    assert len(stock) == len(wanted)
