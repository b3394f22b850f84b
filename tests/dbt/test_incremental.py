"""After any history of changes, an incrementally built mart equals a full refresh from RAW, and the sources."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.dbt.conftest import MODELS_AND_DATA_TESTS
from tests.dbt.running.parsed import BUSINESS_NOW
from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.world import expected, mailing, resolution, trade
from tests.dbt.world.history import live_through_a_round, open_shop
from tests.dbt.world.shop import Shop

MODELS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
MODELS_ON_STAGING = (*MODELS, "--exclude", "path:models/staging")
MASTER_DATA = ("products", "customers", "campaigns", "warehouses")
RUN_DAY = date.fromisoformat(BUSINESS_NOW[:10])
TRADE = ("orders", "order_items", "stock_levels", "stock_movements", "email_events")
"""Landed apart from MASTER_DATA, so that facts meet products, customers and campaigns that come late or have gone."""


def contents(raw: RawDatabase) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of every table above STAGING, sorted, without the columns that keep an incremental
    model's state.
    """
    columns = raw.query(
        "select table_schema, table_name, string_agg(column_name, ', ' order by ordinal_position) "
        "from information_schema.columns where table_schema in ('INTERMEDIATE', 'MART') "
        "and column_name not like '\\_%' escape '\\' group by all order by all"
    )
    return raw.queries(
        {
            f"{schema}.{table}": f'select {names} from "{schema}"."{table}" order by all'
            for schema, table, names in columns
        }
    )


@pytest.mark.slow
def test_incremental_equals_full_refresh_and_the_sources(raw: RawDatabase, dbt: Dbt, tmp_path: Path) -> None:
    shop = open_shop(Random(20260301))
    shop.land(raw, streams=MASTER_DATA, in_flight=timedelta(minutes=15))
    dbt.succeed("build", *MODELS)

    live_through_a_round(shop)
    shop.land(raw, streams=TRADE, in_flight=timedelta(minutes=10))
    dbt.succeed("build", *MODELS_ON_STAGING, FULL_TESTS="false")

    live_through_a_round(shop)
    shop.land(raw, streams=MASTER_DATA, in_flight=timedelta(minutes=5))
    dbt.succeed("build", *MODELS_ON_STAGING, FULL_TESTS="false")
    assert_equals_a_full_refresh(raw, dbt, tmp_path / "spare.duckdb")

    live_through_a_round(shop)
    shop.backfill(raw, "orders", 10)
    shop.backfill(raw, "order_items", 10)
    shop.land(raw)
    dbt.succeed("build", *MODELS_AND_DATA_TESTS, FULL_TESTS="false")
    assert_equals_a_full_refresh(raw, dbt, tmp_path / "spare.duckdb")
    assert_equals_the_sources(raw, shop)


@pytest.mark.slow
def test_events_that_say_otherwise_leave_what_a_full_refresh_leaves(raw: RawDatabase, dbt: Dbt, tmp_path: Path) -> None:
    """Refusals are withdrawn or turn out to be another address's, orders lose their click, and customers change while
    there is news of old messages to them.
    """
    shop = open_shop(Random(20260302))
    shop.land(raw)
    dbt.succeed("build", *MODELS)
    for _ in range(3):
        events = [mailing.correct_event] * 25 + [mailing.late_event] * 10
        for happen in [*events, *[trade.place_order] * 3, *[trade.touch_customer] * 5]:
            happen(shop)
        shop.land(raw, streams=("customers", "orders", "order_items", "email_events"))
        dbt.succeed("build", *MODELS_ON_STAGING, FULL_TESTS="false")
        assert_equals_a_full_refresh(raw, dbt, tmp_path / "spare.duckdb")
    for column in ("is_after_unsubscription", "is_after_hard_bounce"):
        assert raw.query(f"select count(*) from MART.fct_email_messages where {column}") > [(0,)]


def assert_equals_a_full_refresh(raw: RawDatabase, dbt: Dbt, spare: Path, **variables: str) -> None:
    """Check that the models equal a full refresh from the same RAW and the same snapshots."""
    incremental = contents(raw)
    shutil.copyfile(raw.path, spare)
    dbt.succeed("run", "--full-refresh", "--select", "config.materialized:incremental+", **variables)
    rebuilt = contents(raw)
    shutil.copyfile(spare, raw.path)
    assert incremental.keys() == rebuilt.keys()
    for table, rows in incremental.items():
        assert rows == rebuilt[table], table


def assert_equals_the_sources(raw: RawDatabase, shop: Shop) -> None:
    for stream in raw.contracts:
        count = (
            len({row["event_id"] for row in shop.deliveries}) if stream == "email_events" else len(shop.rows(stream))
        )
        assert raw.query(f"select count(*) from STAGING.stg_{stream}") == [(count,)], stream

    lines = raw.query(
        "select order_item_id, order_status, c.customer_id, unit_price_incl_tax, line_total_incl_tax "
        "from MART.fct_order_lines join MART.dim_customer c using (customer_key)"
    )
    assert set(lines) == expected.order_lines(shop)
    other_prices = "select order_item_id from MART.fct_order_lines where list_price_incl_tax <> unit_price_incl_tax"
    assert raw.query(other_prices) == []

    stock = raw.query(
        "select inventory_date, warehouse_id, product_id, closing_quantity "
        "from MART.fct_inventory_daily join MART.dim_warehouse using (warehouse_key)"
    )
    assert {(day, warehouse, product): units for day, warehouse, product, units in stock} == expected.closing_stock(
        shop, run_day=RUN_DAY
    )

    attributed = raw.query(
        "select order_id, attributed_click_event_id from MART.fct_orders where attributed_click_event_id is not null"
    )
    assert dict(attributed) == resolution.last_clicks(raw)
    assert len(attributed) > 5

    people = raw.query(
        "select event_id, customer_id from MART.fct_email_events join MART.dim_customer using (customer_key)"
    )
    holders = resolution.holders_of_events(raw)
    assert {event: customer for event, customer in people if customer != -1} == {
        event: customer for event, customer in holders.items() if (customer,) in shop.rows("customers")
    }

    cohorts = raw.query(
        "select campaign_id, sent_date, messages_sent, messages_delivered, messages_opened, messages_clicked "
        "from MART.fct_campaign_cohorts join MART.dim_campaign using (campaign_key)"
    )
    assert {(campaign, day): counts for campaign, day, *counts in cohorts} == {
        cohort: list(counts) for cohort, counts in expected.cohorts(shop).items()
    }

    consents = raw.query(
        "select message_id, consent_when_sent from MART.fct_email_messages where consent_when_sent is not null"
    )
    assert dict(consents) == resolution.consents_when_sent(raw)

    messages = raw.query("select message_id, open_count, click_count from MART.fct_email_messages")
    assert {message: (opens, clicks) for message, opens, clicks in messages} == expected.message_counts(shop)
