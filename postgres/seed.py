"""Fills an empty shop with a history. Equal arguments give the same history. `python -m postgres.seed --help`."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast

import typer
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from postgres.bulk import deferred_checks
from postgres.command import parse_instant, print_counts, reported_errors, required_dsn, the_business_now, told_visits
from postgres.connection import connected
from postgres.copying import copy_rows
from postgres.errors import ShopError
from postgres.settings import ShopSettings
from postgres.shop.chance import generator
from postgres.shop.history import ShopHistory
from postgres.shop.master_data import draw_customers, draw_products, draw_warehouses
from postgres.shop.rows import stamped_earlier
from postgres.shop.visits import NO_VISITS, Visits

SMALLEST_SCALE, LARGEST_SCALE = 0.001, 1_000.0

_IDENTITIES = {
    "products": "product_id",
    "warehouses": "warehouse_id",
    "customers": "customer_id",
    "orders": "order_id",
    "order_items": "order_item_id",
    "stock_movements": "movement_id",
}
_TABLES = (*_IDENTITIES, "stock_levels")


@dataclass(frozen=True, slots=True)
class SeedReport:
    """Rows written, by table."""

    products: int
    warehouses: int
    stock_levels: int
    customers: int
    orders: int
    order_items: int
    stock_movements: int


def seed_shop(
    connection: Connection,
    *,
    business_now: datetime,
    scale: float = 1.0,
    seed: int = 1,
    visits: Visits = NO_VISITS,
) -> SeedReport:
    """Fill an empty shop in one transaction: all rows or none.

    Scale 1 is about 500 products, 6 warehouses, 3,000 stock levels, 5,000 customers, 20,000 orders, 50,000 order items
    and 80,000 movements; the warehouses stay 6. Every time in the rows lies before `business_now` (with an offset);
    orders spread over the 90 days before it. Some orders come from `visits` (postgres/shop/response.py). Equal
    arguments write equal rows.

    created_at and updated_at are the database's times. If `business_now` is ahead of the database's clock, they lie
    earlier than the business times by the same lead, and before any time that the clock writes later.

    Raises ShopError if the shop is not empty, an argument is out of range, or the visits are not available.
    """
    _check(business_now, scale)
    business_now = business_now.astimezone(UTC)
    with connection, connection.cursor() as cursor:
        _require_empty(cursor)
        ahead = _ahead_of_the_database(cursor, business_now)
        with deferred_checks(cursor, _TABLES):
            report = _load(cursor, business_now=business_now, ahead=ahead, scale=scale, seed=seed, visits=visits)
        for table, column in _IDENTITIES.items():
            _continue_identity(cursor, table, column)
        cursor.execute(sql.SQL("analyze {}").format(sql.SQL(", ").join(map(sql.Identifier, _TABLES))))
    return report


def _check(business_now: datetime, scale: float) -> None:
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise ShopError(f"scale {scale} is out of range: {SMALLEST_SCALE} to {LARGEST_SCALE:g}")
    if business_now.tzinfo is None:
        raise ShopError(f"business_now {business_now} has no offset: give it in UTC")


def _require_empty(cursor: Cursor) -> None:
    for table in _TABLES:
        cursor.execute(sql.SQL("select exists (select from {})").format(sql.Identifier(table)))
        if cursor.fetchone() == (True,):
            raise ShopError(f"the shop is not empty: {table} has rows. Seed a new database")


def _ahead_of_the_database(cursor: Cursor, business_now: datetime) -> timedelta:
    """Return the business time's lead over the database's clock, at least zero.

    A row whose cursor is in the future of that clock would count as in flight until the clock has reached it.
    """
    cursor.execute("select greatest(%s - now(), interval '0')", (business_now,))
    ((ahead,),) = cursor.fetchall()
    return cast(timedelta, ahead)


def _load(
    cursor: Cursor, *, business_now: datetime, ahead: timedelta, scale: float, seed: int, visits: Visits
) -> SeedReport:
    products = draw_products(generator(seed, "products"), scale, business_now)
    warehouses = draw_warehouses()
    customers = draw_customers(generator(seed, "customers"), scale, business_now)
    history = ShopHistory(
        generator(seed, "history"),
        products=products,
        warehouses=warehouses,
        customers=customers,
        business_now=business_now,
        visits=visits,
    )
    copy_rows(cursor, "products", stamped_earlier(products, ahead))
    copy_rows(cursor, "warehouses", stamped_earlier(warehouses, ahead))
    copy_rows(cursor, "customers", stamped_earlier(customers, ahead))
    orders = order_items = movements = 0
    for batch in history.batches():
        orders += copy_rows(cursor, "orders", stamped_earlier(batch.orders, ahead))
        order_items += copy_rows(cursor, "order_items", stamped_earlier(batch.order_items, ahead))
        movements += copy_rows(cursor, "stock_movements", stamped_earlier(batch.movements, ahead))
    stock_levels = copy_rows(cursor, "stock_levels", stamped_earlier(history.stock_levels(), ahead))
    return SeedReport(
        products=len(products),
        warehouses=len(warehouses),
        stock_levels=stock_levels,
        customers=len(customers),
        orders=orders,
        order_items=order_items,
        stock_movements=movements,
    )


def _continue_identity(cursor: Cursor, table: str, column: str) -> None:
    """Make the identity column continue after its highest value, because COPY does not advance it."""
    statement = sql.SQL(
        "select setval(pg_get_serial_sequence(%s, %s), coalesce(max({column}), 1), max({column}) is not null)"
        " from {table}"
    )
    cursor.execute(statement.format(column=sql.Identifier(column), table=sql.Identifier(table)), (table, column))


def command(
    dsn: Annotated[
        str | None, typer.Option(help="The shop, as its owner, without a password.  [env: POSTGRES_DSN]")
    ] = None,
    scale: Annotated[float, typer.Option(help="Size; 1 is about 20,000 orders.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Equal seeds make equal shops.")] = 1,
    business_now: Annotated[
        datetime | None,
        typer.Option(parser=parse_instant, help="Where the past ends, ISO 8601.  [env: BUSINESS_NOW] [default: now]"),
    ] = None,
) -> None:
    """Fill an empty shop with products, customers and 90 days of orders."""
    with reported_errors():
        settings = ShopSettings.load()
        where = required_dsn(dsn, settings.dsn, "--dsn", "POSTGRES_DSN", settings.environment)
        until = business_now or the_business_now() or datetime.now(UTC).replace(microsecond=0)
        with connected(where, application_name="shop-seed") as connection:
            report = seed_shop(connection, business_now=until, scale=scale, seed=seed, visits=told_visits())
        print_counts(f"seeded until {until.isoformat()}", asdict(report))


if __name__ == "__main__":
    typer.run(command)
