"""The shop's activity: the events of a day, their repeatability, and the consistency of the shop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from postgres.activity import ActivityReport, advance, latest_business_time
from postgres.activity.advance import _ADVANCE_LOCK
from postgres.activity.continuous import keep_advancing
from postgres.connection import connected
from postgres.errors import ShopError
from postgres.seed import seed_shop
from postgres.shop.visits import NO_VISITS
from tests.postgres.conftest import BUSINESS_NOW, Shop
from tests.postgres.shop_state import execute, fingerprint, one, query, sequences, violations

CLOCK_COLUMNS = ("created_at", "updated_at")
DAY = timedelta(days=1)


def live(shop: Shop, days: int = 4, *, seed: int = 7) -> ActivityReport:
    with connected(shop.owner, application_name="tests") as connection:
        return advance(connection, business_now=BUSINESS_NOW, span=days * DAY, seed=seed)


def withdraw_an_announced_product(owner: Connection) -> None:
    """Withdraw an announced product, because a small shop seldom has one to delete."""
    execute(owner, "update products set is_active = false where product_id = (select max(product_id) from products)")


def test_the_shop_stays_sound_over_many_advances_of_any_length(owner: Connection) -> None:
    withdraw_an_announced_product(owner)
    now, report = BUSINESS_NOW, ActivityReport()
    spans = (timedelta(hours=1), timedelta(minutes=7), 5 * DAY, timedelta(seconds=10), timedelta(days=12, hours=5))
    for span in spans:
        report += advance(owner, business_now=now, span=span, seed=2)
        now += span
        assert violations(owner) == {}
    unheard_of = {name for name, count in report.counts() if count == 0}
    assert unheard_of <= {"lines_without_stock"}


def test_equal_shops_and_seeds_give_equal_rows(
    copy_shop: Callable[[Shop], Shop], seeded_template: Shop, shop: Shop, owner: Connection
) -> None:
    again, other = copy_shop(seeded_template), copy_shop(seeded_template)
    report = live(shop)

    assert live(again) == report
    assert live(other, seed=8) != report
    with connected(again.owner, application_name="tests") as connection:
        assert fingerprint(connection, without=CLOCK_COLUMNS) == fingerprint(owner, without=CLOCK_COLUMNS)
        assert sequences(connection) == sequences(owner)


def test_the_same_rows_in_another_physical_order_live_the_same_day(
    copy_shop: Callable[[Shop], Shop], seeded_template: Shop, shop: Shop, owner: Connection
) -> None:
    shuffled = copy_shop(seeded_template)
    with connected(shuffled.owner, application_name="tests") as connection:
        # Every row gets a new version, in another order, and no plan may use an index.
        for table in ("products", "stock_levels", "customers", "orders", "order_items"):
            execute(connection, f"update {table} set updated_at = default")
        execute(connection, "cluster orders using orders_customer_id_idx")
        execute(connection, "cluster stock_levels using stock_levels_product_id_idx")
        connection.set_session(autocommit=True)
        with connection.cursor() as cursor:
            for method in ("indexscan", "bitmapscan", "indexonlyscan", "hashjoin"):
                cursor.execute(f"set enable_{method} = off")
        connection.set_session(autocommit=False)
        report = advance(connection, business_now=BUSINESS_NOW, span=2 * DAY, seed=7)
        shuffled_rows = fingerprint(connection, without=CLOCK_COLUMNS)

    assert live(shop, 2) == report
    assert fingerprint(owner, without=CLOCK_COLUMNS) == shuffled_rows


@pytest.mark.slow
def test_a_day_at_scale_1(empty_shop: Shop) -> None:
    with connected(empty_shop.owner, application_name="tests") as connection:
        seed_shop(connection, business_now=BUSINESS_NOW, scale=1, seed=5)
        report = advance(connection, business_now=BUSINESS_NOW, span=DAY, seed=5)
        assert violations(connection) == {}
    assert 190 <= report.orders_placed <= 255
    assert 450 <= report.order_lines <= 680
    assert 10 <= len(report.prices_changed) <= 20
    assert 2 <= len(report.customers_erased) + len(report.products_deleted) <= 8


def test_the_report_tells_what_the_rows_tell(shop: Shop, owner: Connection) -> None:
    before = row_counts(owner)
    products_before = {number for (number,) in query(owner, "select product_id from products")}
    last_order = one(owner, "select max(order_id) from orders")
    last_movement = one(owner, "select max(movement_id) from stock_movements")
    report = live(shop, 10)
    after = row_counts(owner)

    assert after["orders"] - before["orders"] == report.orders_placed > 0
    assert after["order_items"] - before["order_items"] == report.order_lines > 0
    assert after["customers"] - before["customers"] == report.customers_signed_up - len(report.customers_erased)
    assert after["products"] - before["products"] == len(report.products_announced) - len(report.products_deleted)
    moved = dict(
        query(
            owner,
            "select reason, count(*) from stock_movements where movement_id > %s group by 1",
            (last_movement,),
        )
    )
    assert (moved["sale"], moved["restock"], moved["adjustment"]) == (
        report.order_lines,
        report.restocks,
        report.adjustments,
    )
    cancelled = one(
        owner,
        "select count(distinct order_id) from stock_movements where movement_id > %s and reason = 'cancellation'",
        (last_movement,),
    )
    assert cancelled == report.orders_cancelled > 0
    assert one(owner, "select count(*) from orders where order_id > %s", (last_order,)) == report.orders_placed
    assert set(report.products_deleted) <= products_before | set(report.products_announced)


def row_counts(connection: Connection) -> dict[str, int]:
    tables = ("orders", "order_items", "customers", "products")
    return {table: one(connection, f"select count(*) from {table}") for table in tables}


def test_erased_and_deleted_rows_are_gone_and_orders_remain(shop: Shop, owner: Connection) -> None:
    customers_of = dict(query(owner, "select order_id, customer_id from orders"))
    withdraw_an_announced_product(owner)
    report = live(shop, 12, seed=7)
    erased, deleted = list(report.customers_erased), list(report.products_deleted)
    assert erased
    assert deleted

    assert query(owner, "select 1 from customers where customer_id = any(%s)", (erased,)) == []
    assert query(owner, "select 1 from products where product_id = any(%s)", (deleted,)) == []
    assert query(owner, "select 1 from stock_levels where product_id = any(%s)", (deleted,)) == []
    orphans = {order_id for (order_id,) in query(owner, "select order_id from orders where customer_id is null")}
    assert {order_id for order_id, customer in customers_of.items() if customer in erased} <= orphans
    assert orphans


def test_business_times_lie_in_the_span_and_row_times_are_the_databases(shop: Shop, owner: Connection) -> None:
    began = one(owner, "select clock_timestamp()")
    live(shop, 1)
    ended = one(owner, "select clock_timestamp()")

    for table, business_time in (
        ("orders", "placed_at"),
        ("stock_movements", "moved_at"),
        ("customers", "signed_up_at"),
    ):
        earliest, latest, first_row, last_row = query(
            owner,
            f"select min({business_time}), max({business_time}), min(created_at), max(created_at)"
            f" from {table} where {business_time} >= %s",
            (BUSINESS_NOW,),
        )[0]
        assert BUSINESS_NOW < earliest <= latest <= BUSINESS_NOW + DAY
        assert began <= first_row <= last_row <= ended
    assert latest_business_time(owner) == one(owner, "select max(moved_at) from stock_movements")


def test_every_order_is_a_transaction_of_its_own(shop: Shop, owner: Connection) -> None:
    report = live(shop, 2)
    transactions, orders = query(
        owner,
        "select count(distinct xmin::text), count(distinct order_id) from stock_movements"
        " where reason = 'sale' and moved_at > %s",
        (BUSINESS_NOW,),
    )[0]
    assert transactions == orders == report.orders_placed


def test_prices_are_those_at_the_time_of_the_order(shop: Shop, owner: Connection) -> None:
    """A price changes within a run too: an order's transaction sees the price of its moment, not of the start."""
    execute(owner, "create table price_log (product_id bigint, price numeric, changed_at timestamptz)")
    execute(
        owner,
        "create function log_price() returns trigger language plpgsql as $$ begin"
        " insert into price_log values (new.product_id, new.price, now()); return null; end $$;"
        "insert into price_log select product_id, price, '-infinity' from products;"
        "create trigger log_price after insert or update of price on products"
        " for each row execute function log_price()",
    )
    report = live(shop, 12)
    assert len(report.prices_changed) > 5
    wrong = query(
        owner,
        """
        select order_item_id, unit_price, known.price
        from order_items cross join lateral (
            select price from price_log
            where price_log.product_id = order_items.product_id and changed_at < order_items.created_at
            order by changed_at desc limit 1
        ) as known
        where unit_price <> known.price
        """,
    )
    assert wrong == []


def test_lines_without_stock_are_left_out(shop: Shop, owner: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postgres.shop.replenishment.deliveries", lambda *_: [])
    execute(
        owner,
        "insert into stock_movements (warehouse_id, product_id, quantity, reason, moved_at)"
        " select warehouse_id, product_id, -on_hand, 'adjustment', %s from stock_levels where on_hand > 0;"
        " update stock_levels set on_hand = 0",
        (BUSINESS_NOW,),
    )
    report = live(shop, 2)
    assert report.lines_without_stock > 10
    assert report.orders_placed < 5
    assert violations(owner) == {}


def test_overdue_orders_are_caught_up(shop: Shop, owner: Connection) -> None:
    """The clock may jump: what was due in between happens at the start of the next advance."""
    later = BUSINESS_NOW + 20 * DAY
    still_open = [n for (n,) in query(owner, "select order_id from orders where status in ('placed', 'shipped')")]
    assert still_open

    advance(owner, business_now=later, span=timedelta(seconds=1))

    statuses = query(owner, "select distinct status from orders where order_id = any(%s)", (still_open,))
    assert set(statuses) <= {("delivered",), ("cancelled",)}
    assert violations(owner) == {}


def test_an_advance_that_fails_is_gone_on_with(shop: Shop, owner: Connection) -> None:
    execute(
        owner,
        "create function fail() returns trigger language plpgsql as $$ begin"
        " if (select count(*) from orders where placed_at > '2026-10-07T18:30Z') > 5"
        " then raise exception 'disk full'; end if; return null; end $$;"
        "create constraint trigger fail after insert on order_items deferrable initially deferred"
        " for each row execute function fail()",
    )
    with pytest.raises(psycopg2.errors.RaiseException, match="disk full"):
        live(shop)
    assert one(owner, "select count(*) from orders where placed_at > %s", (BUSINESS_NOW,)) == 5
    assert violations(owner) == {}

    execute(owner, "drop trigger fail on order_items")
    until = latest_business_time(owner)
    assert until is not None
    advance(owner, business_now=until, span=DAY)
    assert violations(owner) == {}


def test_one_advance_at_a_time(shop: Shop, owner: Connection) -> None:
    with connected(shop.owner, application_name="tests") as other:
        query(other, "select pg_advisory_lock(%s)", (_ADVANCE_LOCK,))
        with pytest.raises(ShopError, match="another activity"):
            live(shop)
    with owner, owner.cursor() as cursor:  # the lock goes with its session, which the server may end a little later
        cursor.execute("select pg_advisory_lock(%s), pg_advisory_unlock(%s)", (_ADVANCE_LOCK, _ADVANCE_LOCK))
    assert live(shop, 1).orders_placed > 0


def test_an_empty_shop_is_told(empty_shop: Shop) -> None:
    with pytest.raises(ShopError, match="seed it first"):
        live(empty_shop)


def test_arguments_are_checked(owner: Connection) -> None:
    with pytest.raises(ShopError, match="offset"):
        advance(owner, business_now=datetime(2026, 1, 1), span=DAY)  # noqa: DTZ001
    with pytest.raises(ShopError, match="span"):
        advance(owner, business_now=BUSINESS_NOW, span=timedelta(0))
    with owner.cursor() as cursor:
        cursor.execute("select 1")
    with pytest.raises(ShopError, match="in a transaction"):
        advance(owner, business_now=BUSINESS_NOW, span=DAY)


def test_keep_advancing_follows_the_clock_until_told_to_stop(owner: Connection) -> None:
    minutes = iter(range(0, 90, 30))
    told_to_stop = iter([False, False, False, True])
    reached: list[datetime] = []

    keep_advancing(
        owner,
        business_now=BUSINESS_NOW,
        step=None,
        every=timedelta(seconds=10),
        seed=1,
        wait=lambda seconds: next(told_to_stop),
        clock=lambda: BUSINESS_NOW + timedelta(minutes=next(minutes)),
        visits=NO_VISITS,
        on_advanced=lambda until, report: reached.append(until),
    )

    # A clock that has not moved on is no reason to advance.
    assert reached == [BUSINESS_NOW + timedelta(minutes=30), BUSINESS_NOW + timedelta(minutes=60)]
    assert violations(owner) == {}
    assert (latest_business_time(owner) or datetime.max.replace(tzinfo=UTC)) <= reached[-1]
