"""The history of a new shop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from psycopg2.extensions import connection as Connection

from postgres.connection import connected
from postgres.errors import ShopError
from postgres.seed import SeedReport, seed_shop
from tests.postgres.conftest import BUSINESS_NOW, SMALL, Shop
from tests.postgres.shop_state import execute, fingerprint, one, query, sequences, violations

HISTORY_START = BUSINESS_NOW - timedelta(days=90)


def seed(shop: Shop, *, scale: float = SMALL, seed: int = 11, business_now: datetime = BUSINESS_NOW) -> SeedReport:
    with connected(shop.owner, application_name="tests") as connection:
        return seed_shop(connection, business_now=business_now, scale=scale, seed=seed)


def schema_of(connection: Connection) -> list[object]:
    return query(
        connection,
        """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'public'::regnamespace
        union all
        select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'
        order by 1, 2, 3
        """,
    )


def test_small_shop_is_sound(seeded_connection: Connection) -> None:
    assert violations(seeded_connection) == {}


@pytest.mark.slow
def test_at_scale_1_it_has_the_promised_size_and_is_sound(empty_shop: Shop) -> None:
    report = seed(empty_shop, scale=1)

    assert (report.products, report.warehouses, report.stock_levels, report.customers) == (500, 6, 3_000, 5_000)
    assert report.orders == pytest.approx(20_000, rel=0.03)
    assert report.order_items == pytest.approx(50_000, rel=0.04)
    assert report.stock_movements == pytest.approx(80_000, rel=0.05)
    with connected(empty_shop.owner, application_name="tests") as connection:
        assert violations(connection) == {}
        for table in SeedReport.__dataclass_fields__:
            assert one(connection, f"select count(*) from {table}") == getattr(report, table)


@pytest.mark.parametrize("scale", [0.001, 0.02])
def test_the_smallest_shops_are_sound(empty_shop: Shop, scale: float) -> None:
    seed(empty_shop, scale=scale)
    with connected(empty_shop.owner, application_name="tests") as connection:
        assert violations(connection) == {}


def test_equal_arguments_give_equal_rows(
    copy_shop: Callable[[Shop], Shop], empty_template: Shop, seeded_connection: Connection
) -> None:
    again, other = copy_shop(empty_template), copy_shop(empty_template)
    seed(again)
    seed(other, seed=12)

    expected = fingerprint(seeded_connection)
    with connected(again.owner, application_name="tests") as connection:
        assert fingerprint(connection) == expected
        assert sequences(connection) == sequences(seeded_connection)
    with connected(other.owner, application_name="tests") as connection:
        different = fingerprint(connection)
    assert {table for table in expected if different[table] == expected[table]} == {"warehouses"}


def test_rows_carry_their_business_times(seeded_connection: Connection) -> None:
    assert (
        query(seeded_connection, "select order_id from orders where created_at <> placed_at or updated_at < placed_at")
        == []
    )
    assert query(seeded_connection, "select customer_id from customers where created_at <> signed_up_at") == []
    assert query(seeded_connection, "select movement_id from stock_movements where created_at <> moved_at") == []
    assert (
        query(
            seeded_connection,
            "select order_item_id from order_items as i join orders as o using (order_id)"
            " where i.created_at <> placed_at or i.updated_at <> placed_at",
        )
        == []
    )


def test_everything_lies_before_business_now(seeded_connection: Connection) -> None:
    latest = one(
        seeded_connection,
        """
        select max(at) from (
            select greatest(created_at, updated_at) as at from products union all
            select greatest(created_at, updated_at) from warehouses union all
            select greatest(created_at, updated_at) from stock_levels union all
            select greatest(created_at, moved_at) from stock_movements union all
            select greatest(created_at, updated_at, signed_up_at) from customers union all
            select greatest(created_at, updated_at, placed_at) from orders union all
            select greatest(created_at, updated_at) from order_items
        ) as times
        """,
    )
    assert BUSINESS_NOW - timedelta(hours=6) < latest < BUSINESS_NOW


def test_stamps_of_a_future_shop_lie_in_the_database_s_past(empty_shop: Shop) -> None:
    """A cursor in the future of the database's clock would be taken for a row in flight for years."""
    future = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
    seed(empty_shop, business_now=future)

    with connected(empty_shop.owner, application_name="tests") as connection:
        assert one(connection, "select max(placed_at) from orders") > future - timedelta(hours=6)
        for table in ("products", "warehouses", "stock_levels", "customers", "orders", "order_items"):
            assert one(connection, f"select max(updated_at) < now() from {table}"), table
        # Between them all is as it was.
        assert one(connection, "select count(distinct placed_at - created_at) from orders") == 1
        assert one(connection, "select count(*) from orders where updated_at < created_at") == 0
        assert violations(connection) == {}


def test_orders_spread_over_90_days_in_order_of_their_numbers(seeded_connection: Connection) -> None:
    times = [at for (at,) in query(seeded_connection, "select placed_at from orders order by order_id")]
    assert times == sorted(times)
    assert HISTORY_START < times[0] < HISTORY_START + timedelta(days=2)
    assert len({at.date() for at in times}) >= 90


def test_evenings_sell_more_than_nights(seeded_connection: Connection) -> None:
    by_hour = dict(
        query(
            seeded_connection,
            "select extract(hour from placed_at at time zone 'UTC')::int, count(*) from orders group by 1",
        )
    )
    assert sum(by_hour.get(hour, 0) for hour in (18, 19, 20)) > 5 * sum(by_hour.get(hour, 0) for hour in (1, 2, 3))


def test_orders_have_run_their_course(seeded_connection: Connection) -> None:
    old = BUSINESS_NOW - timedelta(days=8)
    statuses = query(seeded_connection, "select distinct status from orders where placed_at < %s order by 1", (old,))
    assert statuses == [("cancelled",), ("delivered",)]
    recent = query(seeded_connection, "select distinct status from orders where placed_at >= %s", (old,))
    assert {("placed",), ("shipped",)} <= set(recent)


def test_prices_are_those_of_the_orders(seeded_connection: Connection) -> None:
    assert (
        query(
            seeded_connection,
            "select order_item_id from order_items join products using (product_id)"
            " where unit_price <> price or products.updated_at > order_items.created_at",
        )
        == []
    )


def test_announced_products_have_never_been_in_stock(empty_shop: Shop) -> None:
    seed(empty_shop, scale=0.2)
    with connected(empty_shop.owner, application_name="tests") as connection:
        announced = query(
            connection,
            """
            select product_id, is_active, sum(on_hand), count(*)
            from products join stock_levels using (product_id)
            where not exists (select from stock_movements m where m.product_id = products.product_id)
              and not exists (select from order_items i where i.product_id = products.product_id)
            group by 1, 2 order by 1
            """,
        )
    assert [row[0] for row in announced] == [96, 97, 98, 99, 100]
    assert [row[2:] for row in announced] == [(0, 6)] * 5
    assert {row[1] for row in announced} == {True, False}


def test_some_products_sell_much_more_than_others(seeded_connection: Connection) -> None:
    sold = [
        n for (n,) in query(seeded_connection, "select count(*) from order_items group by product_id order by 1 desc")
    ]
    assert sum(sold[: len(sold) // 5]) > 0.3 * sum(sold)


def test_the_schema_is_as_before(seeded_connection: Connection, empty_shop: Shop) -> None:
    with connected(empty_shop.owner, application_name="tests") as empty:
        assert schema_of(seeded_connection) == schema_of(empty)


def test_identities_go_on_after_the_seed(owner: Connection) -> None:
    highest = one(owner, "select max(customer_id) from customers")
    number = one(
        owner,
        "insert into customers (email, full_name, country, marketing_consent, signed_up_at)"
        " values ('new@mail.example', 'New', 'NL', true, now()) returning customer_id",
    )
    assert number == highest + 1


def test_a_shop_with_rows_is_left_alone(shop: Shop, owner: Connection) -> None:
    before = fingerprint(owner)
    with pytest.raises(ShopError, match="not empty"):
        seed(shop)
    assert fingerprint(owner) == before


def test_a_seed_that_fails_leaves_nothing(empty_shop: Shop) -> None:
    with connected(empty_shop.owner, application_name="tests") as connection:
        execute(connection, "alter table stock_levels add constraint impossible check (on_hand < 0)")
        schema = schema_of(connection)
        with pytest.raises(Exception, match="impossible"):
            seed(empty_shop)
        assert one(connection, "select count(*) from products") == 0
        assert schema_of(connection) == schema


@pytest.mark.parametrize("scale", [0, -1, 1e9, float("nan")])
def test_scale_out_of_range(empty_shop: Shop, scale: float) -> None:
    with pytest.raises(ShopError, match="scale"):
        seed(empty_shop, scale=scale)


def test_business_now_needs_an_offset(empty_shop: Shop) -> None:
    with pytest.raises(ShopError, match="offset"):
        seed(empty_shop, business_now=datetime(2026, 1, 1))  # noqa: DTZ001


def test_business_now_in_another_zone_is_the_same_instant(
    copy_shop: Callable[[Shop], Shop], empty_template: Shop, seeded_connection: Connection
) -> None:
    elsewhere = copy_shop(empty_template)
    seed(elsewhere, business_now=BUSINESS_NOW.astimezone(timezone(timedelta(hours=-7))))
    with connected(elsewhere.owner, application_name="tests") as connection:
        assert fingerprint(connection) == fingerprint(seeded_connection)
