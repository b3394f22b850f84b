"""Reported facts of the past stay, whatever becomes of customers, products and campaigns afterwards."""

from __future__ import annotations

import shutil
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.dbt.conftest import dbt_on
from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.world import mailing, resolution, trade
from tests.dbt.world.expected import email_hash
from tests.dbt.world.history import open_shop
from tests.dbt.world.shop import Shop

REPORTED = {
    "orders": (
        "select order_id, order_status, revenue_incl_tax, customer_order_number, buyer_type, attributed_campaign_key,"
        " attributed_message_id, attributed_click_event_id from MART.fct_orders where order_id <= ? order by 1"
    ),
    "lines": (
        "select order_item_id, product_key, list_amount_incl_tax, revenue_incl_tax, order_id"
        " from MART.fct_order_lines where order_id <= ? order by 1"
    ),
    "messages": (
        "select message_id, campaign_key, is_opened, is_clicked, consent_when_sent, is_after_unsubscription"
        " from MART.fct_email_messages where ? > 0 order by 1"
    ),
    "cohorts": (
        "select campaign_key, sent_date, messages_sent, messages_delivered, messages_opened, messages_clicked,"
        " messages_without_consent, attributed_orders, attributed_revenue_incl_tax"
        " from MART.fct_campaign_cohorts where ? > 0 order by 1, 2"
    ),
}
"""What a reader was told of the orders up to a number, and of all messages; whose they were is asked apart."""

OWNERS = (
    "select event_id, coalesce(customer_id, -1), recipient_hash from MART.fct_email_events"
    " join MART.dim_customer using (customer_key) order by 1"
)


class Nowhere:
    """A landing zone that drops all rows, because a database that was built before has them already."""

    def __init__(self, raw: RawDatabase) -> None:
        self.contracts = raw.contracts

    def land(self, *_args: Any, **_options: Any) -> int:
        return 0

    def land_keys(self, *_args: Any) -> int:
        return 0


@pytest.fixture(scope="module")
def told_once(built: RawDatabase, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, RawDatabase]:
    """The small shop, then more messages and orders, all built. Copied for each test."""
    folder = tmp_path_factory.mktemp("told")
    shop = open_shop(Random(1))
    shop.land(Nowhere(built))
    raw = RawDatabase(folder / built.path.name, built.contracts)
    shutil.copyfile(built.path, raw.path)
    for _ in range(60):
        mailing.send_message(shop)
        trade.place_order(shop)
    shop.land(raw)
    # Anew, since the shop was built with another salt than the tests hash by.
    dbt_on(raw, folder).succeed("run", "--full-refresh")
    return shop, raw


@pytest.fixture
def reported(told_once: tuple[Shop, RawDatabase], tmp_path: Path) -> tuple[Shop, RawDatabase, Dbt]:
    """That shop and its database, in copies of the test's own, and dbt on it."""
    shop, built = told_once
    raw = RawDatabase(tmp_path / built.path.name, built.contracts)
    shutil.copyfile(built.path, raw.path)
    return deepcopy(shop), raw, dbt_on(raw, tmp_path)


def told(raw: RawDatabase, order_id: int) -> dict[str, list[tuple[Any, ...]]]:
    return raw.queries({name: sql.replace("?", str(order_id)) for name, sql in REPORTED.items()})


@pytest.mark.slow
def test_what_was_reported_stays(reported: tuple[Shop, RawDatabase, Dbt]) -> None:
    shop, raw, dbt = reported
    last_order = shop.last_ids["orders"]
    before, owners = told(raw, last_order), raw.query(OWNERS)
    attributed = [row for row in before["orders"] if row[5] is not None]
    assert len(attributed) >= 5
    [(first,), (second,), (third,), (fourth,), (fifth,), *_] = sorted(shop.rows("customers"))

    shop.tick(timedelta(days=1).total_seconds())
    customers = shop.rows("customers")
    old = {number: customers[number,]["email"] for number in (first, second, third)}
    shop.change("customers", (first,), email="moved@mail.example", country="ES")
    shop.change("customers", (second,), email=old[first], marketing_consent=not customers[second,]["marketing_consent"])
    shop.change("customers", (fourth,), email=old[third].swapcase(), marketing_consent=False)
    erase(shop, fifth)
    for key in list(shop.rows("products")):
        shop.change("products", key, price=shop.rows("products")[key]["price"] * 2)
    mailing.edit_campaign(shop)
    mailing.delete_campaign(shop)
    trade.add_customer(shop)
    shop.change("customers", (shop.last_ids["customers"],), email=old[first].upper())
    shop.land(raw)
    raw.execute("create table MART.fct_campaign_performance as select 1 as of_an_earlier_release")
    dbt.succeed("run", FULL_TESTS="false")

    assert raw.query("select * from information_schema.tables where table_name = 'fct_campaign_performance'") == []
    assert told(raw, last_order) == before
    now = raw.query(OWNERS)
    assert [(event, -1 if owner == fifth else owner, address) for event, owner, address in owners] == now
    assert any(owner == fifth for _, owner, _ in owners)
    assert raw.query("select count(*) from MART.dim_customer where customer_key <> 'unknown'") == [(len(customers),)]
    assert_joins_double_nothing(raw)
    assert dict(
        raw.query("select order_id, attributed_click_event_id from MART.fct_orders where attributed_message_id <> ''")
    ) == resolution.last_clicks(raw)


def erase(shop: Shop, number: int) -> None:
    """Erase a customer. Their orders stay without them."""
    del shop.rows("customers")[number,]
    for key, order in list(shop.rows("orders").items()):
        if order["customer_id"] == number:
            shop.change("orders", key, customer_id=None)


def assert_joins_double_nothing(raw: RawDatabase) -> None:
    alone, joined = {}, {}
    for fact, key, dimension, own in (
        ("fct_email_events", "customer_key", "dim_customer", "customer_key"),
        ("fct_email_events", "recipient_hash", "dim_customer", "email_hash"),
        ("fct_email_messages", "customer_key", "dim_customer", "customer_key"),
        ("fct_email_messages", "campaign_key", "dim_campaign", "campaign_key"),
        ("fct_campaign_cohorts", "sent_date", "dim_date", "calendar_date"),
        ("fct_orders", "customer_key", "dim_customer", "customer_key"),
        ("fct_orders", "attributed_campaign_key", "dim_campaign", "campaign_key"),
    ):
        alone[f"{fact}.{key}"] = f"select count(*) from MART.{fact}"
        joined[f"{fact}.{key}"] = (
            f"select count(*) from MART.{fact} as f left join MART.{dimension} as d on d.{own} = f.{key}"
        )
    assert raw.queries(joined) == raw.queries(alone)


@pytest.mark.slow
def test_a_late_click_and_a_late_refusal_count_from_when_they_happened(
    reported: tuple[Shop, RawDatabase, Dbt],
) -> None:
    """A late report is about the past: an order gets its click, and messages sent since are after the refusal."""
    shop, raw, dbt = reported
    order, customer = next(
        (key[0], row["customer_id"]) for key, row in sorted(shop.rows("orders").items()) if row["status"] == "placed"
    )
    address = shop.rows("customers")[customer,]["email"]
    placed_at = shop.rows("orders")[order,]["placed_at"]
    event = {"campaign_id": "cmp_1", "recipient": address}
    clicked = event | {"event_id": "late", "type": "clicked", "message_id": "early"}
    mailing.deliver(shop, clicked | {"occurred_at": mailing.iso(placed_at)}, shop.tick())
    refused = event | {"event_id": "no", "type": "unsubscribed", "message_id": "early"}
    mailing.deliver(shop, refused | {"occurred_at": mailing.iso(placed_at - timedelta(days=90))}, shop.tick())
    shop.land(raw)
    dbt.succeed("run", FULL_TESTS="false")

    assert raw.query(f"select attributed_click_event_id from MART.fct_orders where order_id = {order}") == [("late",)]
    sent = raw.query(
        "select sent_at is not null, is_after_unsubscription, count(*) from MART.fct_email_messages"
        f" where recipient_hash = '{email_hash(address)}' group by all"
    )
    assert {(was_sent, after) for was_sent, after, _ in sent} == {(True, True), (False, False)}
