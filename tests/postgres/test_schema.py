"""The tables as documented, and the rows that they refuse."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import parse_dsn

from local.accounts import unprivileged_account
from local.servers.postgres_binaries import find_binaries
from local.settings import LocalSettings
from postgres.connection import connected, with_database
from tests.postgres.conftest import INGEST_PASSWORD, OWNER_PASSWORD, Shop
from tests.postgres.shop_state import query

COLUMNS = {
    "products": "product_id bigint, sku text, name text, category text, price numeric(12,2), currency text,"
    " attributes jsonb, is_active boolean, created_at timestamptz, updated_at timestamptz",
    "warehouses": "warehouse_id integer, code text, name text, city text, country text, opened_on date,"
    " created_at timestamptz, updated_at timestamptz",
    "stock_levels": "warehouse_id integer, product_id bigint, on_hand integer, reorder_point integer,"
    " created_at timestamptz, updated_at timestamptz",
    "stock_movements": "movement_id bigint, warehouse_id integer, product_id bigint, quantity integer, reason text,"
    " order_id bigint?, moved_at timestamptz, created_at timestamptz",
    "customers": "customer_id bigint, email text, full_name text, country text, marketing_consent boolean,"
    " signed_up_at timestamptz, created_at timestamptz, updated_at timestamptz",
    "orders": "order_id bigint, customer_id bigint?, status text, currency text, total_amount numeric(14,2),"
    " placed_at timestamptz, created_at timestamptz, updated_at timestamptz",
    "order_items": "order_item_id bigint, order_id bigint, line_number integer, product_id bigint,"
    " warehouse_id integer, quantity integer, unit_price numeric(12,2), discount_rate numeric(5,4),"
    " line_total numeric(14,2), created_at timestamptz, updated_at timestamptz",
}
LONG_AGO = datetime(2020, 2, 29, 12, tzinfo=UTC)


@pytest.fixture
def empty(empty_template: Shop) -> Iterator[Connection]:
    with connected(empty_template.owner, application_name="tests") as connection:
        yield connection


def test_columns_are_the_promised_ones(empty: Connection) -> None:
    rows = query(
        empty,
        """
        select relname, string_agg(
            format('%s %s%s', attname,
                   replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz'),
                   case when attnotnull then '' else '?' end), ', ' order by attnum)
        from pg_class join pg_attribute on attrelid = pg_class.oid and attnum > 0
        where relkind = 'r' and relnamespace = 'public'::regnamespace
        group by relname
        """,
    )
    assert dict(rows) == COLUMNS


def test_every_table_and_column_is_described(empty: Connection) -> None:
    undescribed = query(
        empty,
        """
        select relname, attname from pg_class join pg_attribute on attrelid = pg_class.oid
        where relkind = 'r' and relnamespace = 'public'::regnamespace and attnum >= 0
          and col_description(pg_class.oid, attnum) is null
        union all
        select relname, '' from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace and obj_description(oid) is null
        """,
    )
    assert undescribed == []


def test_cursors_and_foreign_keys_that_deletes_follow_are_indexed(empty: Connection) -> None:
    leading = {
        tuple(row)
        for row in query(
            empty,
            """
            select indrelid::regclass::text, attname
            from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
            where indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
            """,
        )
    }
    cursors = {(table, "updated_at") for table in COLUMNS if table != "stock_movements"}
    assert {*cursors, ("stock_movements", "created_at")} <= leading
    assert {
        ("stock_levels", "product_id"),
        ("orders", "customer_id"),
        ("order_items", "order_id"),
        ("order_items", "product_id"),
        ("stock_movements", "product_id"),
        ("stock_movements", "order_id"),
    } <= leading


def test_times_come_from_the_transaction_or_from_the_statement(attempt: Cursor) -> None:
    attempt.execute(
        "insert into warehouses (code, name, city, country, opened_on, created_at, updated_at) values"
        " ('WH-AAA', 'a', 'a', 'NL', '2020-01-01', null, null),"
        " ('WH-BBB', 'b', 'b', 'NL', '2020-01-01', %s, %s),"
        " ('WH-CCC', 'c', 'c', 'NL', '2020-01-01', %s, null)"
        " returning code, created_at = now(), updated_at = now(), created_at",
        (LONG_AGO, LONG_AGO, LONG_AGO),
    )
    rows = attempt.fetchall()
    assert [row[:3] for row in rows] == [
        ("WH-AAA", True, True),
        ("WH-BBB", False, False),
        ("WH-CCC", False, True),
    ]
    assert rows[1][3] == LONG_AGO


def test_a_change_is_stamped_whatever_the_statement_says(attempt: Cursor) -> None:
    attempt.execute("select created_at from orders where order_id = 1")
    ((before,),) = attempt.fetchall()
    attempt.execute(
        "update orders set created_at = %s, updated_at = %s where order_id = 1"
        " returning created_at, updated_at = now()",
        (LONG_AGO, LONG_AGO),
    )
    assert attempt.fetchone() == (before, True)


def test_a_movement_is_stamped_unless_it_brings_its_time(attempt: Cursor) -> None:
    attempt.execute(
        "insert into stock_movements (warehouse_id, product_id, quantity, reason, moved_at, created_at)"
        " values (1, 1, 1, 'adjustment', now(), null), (1, 1, -1, 'adjustment', now(), %s)"
        " returning created_at = now(), created_at",
        (LONG_AGO,),
    )
    (stamped, _), (_, given) = attempt.fetchall()
    assert (stamped, given) == (True, LONG_AGO)


@pytest.mark.parametrize(
    "statement",
    [
        "update stock_movements set quantity = quantity + 1 where movement_id = 1",
        "delete from stock_movements where movement_id = 1",
        "delete from stock_movements where false",
        "truncate stock_movements",
    ],
)
@pytest.mark.parametrize("login", ["owner", "admin"])
def test_movements_are_append_only(attempt_shop: Shop, login: str, statement: str) -> None:
    with (
        connected(getattr(attempt_shop, login), application_name="tests") as connection,
        connection.cursor() as cursor,
        pytest.raises(errors.IntegrityConstraintViolation, match="stock_movements is append-only"),
    ):
        cursor.execute(statement)


def test_erasing_a_customer_keeps_and_stamps_the_orders(attempt: Cursor) -> None:
    attempt.execute("select order_id from orders where customer_id = 8 order by 1")
    orders = attempt.fetchall()
    attempt.execute("delete from customers where customer_id = 8")
    attempt.execute("select order_id from orders where updated_at = now() and customer_id is null order by 1")
    assert attempt.fetchall() == orders != []


def test_a_product_without_movements_is_deleted_with_its_levels(attempt: Cursor) -> None:
    attempt.execute("delete from products where product_id = (select max(product_id) from products)")
    attempt.execute("select product_id from products except select product_id from stock_levels")
    assert attempt.fetchall() == []
    attempt.execute("select count(distinct product_id), count(*) from stock_levels")
    assert attempt.fetchone() == (24, 144)


def test_a_product_with_movements_stays(attempt: Cursor) -> None:
    with pytest.raises(errors.ForeignKeyViolation):
        attempt.execute("delete from products where product_id = 1")


ITEM = (
    "insert into order_items (order_id, line_number, product_id, warehouse_id, quantity, unit_price, discount_rate,"
    " line_total) values (1, 99, 1, 1, {quantity}, 9.99, {discount}, {total})"
)
MOVEMENT = (
    "insert into stock_movements (warehouse_id, product_id, quantity, reason, order_id, moved_at)"
    " values (1, 1, {quantity}, '{reason}', {order}, now())"
)


@pytest.mark.parametrize(
    "statement",
    [
        "update products set price = -0.01 where product_id = 1",
        "update products set price = 'NaN' where product_id = 1",
        "update products set sku = 'SKU-1' where product_id = 1",
        "update products set attributes = '[]' where product_id = 1",
        "update products set currency = 'USD' where product_id = 1",
        "update stock_levels set on_hand = -1 where product_id = 1",
        "update orders set status = 'returned' where order_id = 1",
        "update customers set email = 'nobody' where customer_id = 1",
        ITEM.format(quantity=3, discount="0.1", total="26.98"),
        ITEM.format(quantity=0, discount="0", total="0"),
        ITEM.format(quantity=1, discount="1", total="0"),
        MOVEMENT.format(quantity=-1, reason="sale", order="null"),
        MOVEMENT.format(quantity=1, reason="sale", order="1"),
        MOVEMENT.format(quantity=-1, reason="cancellation", order="1"),
        MOVEMENT.format(quantity=-1, reason="restock", order="null"),
        MOVEMENT.format(quantity=0, reason="adjustment", order="null"),
        MOVEMENT.format(quantity=1, reason="adjustment", order="1"),
        MOVEMENT.format(quantity=1, reason="theft", order="null"),
    ],
)
def test_nonsense_is_refused(attempt: Cursor, statement: str) -> None:
    with pytest.raises(errors.CheckViolation):
        attempt.execute(statement)


def test_line_total_is_rounded_half_up(attempt: Cursor) -> None:
    attempt.execute(ITEM.format(quantity=3, discount="0.1", total="26.97"))


def test_init_script_of_the_postgres_image_sets_up_a_shop(
    admin_dsn: str, new_shop: Callable[[], Shop], tmp_path: Path
) -> None:
    """Run as the image's entry point runs it: POSTGRES_DB exists and belongs to the superuser."""
    tools = find_binaries(LocalSettings().postgres_bin, unprivileged_account()).directory
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    if shutil.which("psql", path=path) is None:
        pytest.skip("psql is not installed")
    reference = new_shop()
    with connected(admin_dsn, application_name="tests") as admin:
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute("create database from_init_script")
    login = parse_dsn(admin_dsn)
    source = Path(__file__).parents[2] / "postgres"

    subprocess.run(
        [source / "init.sh"],
        check=True,
        capture_output=True,
        text=True,
        env={
            "PATH": path,
            "PGHOST": login["host"],
            "PGPORT": login["port"],
            "PGPASSWORD": login["password"],
            "POSTGRES_USER": login["user"],
            "POSTGRES_DB": "from_init_script",
            "SHOP_OWNER_PASSWORD": OWNER_PASSWORD,
            "SHOP_INGEST_PASSWORD": INGEST_PASSWORD,
            "SHOP_SQL_DIR": str(source),
        },
    )

    privileges = (
        "select relname, pg_get_userbyid(relowner), relacl::text from pg_class"
        " where relnamespace = 'public'::regnamespace order by 1"
    )
    for dsn in (reference.owner, reference.ingest):
        with (
            connected(dsn, application_name="tests") as expected,
            connected(with_database(dsn, "from_init_script"), application_name="tests") as actual,
        ):
            assert query(actual, privileges) == query(expected, privileges) != []
            assert query(actual, "select count(*) from products") == [(0,)]


def test_init_script_needs_its_passwords(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "postgres" / "init.sh"
    done = subprocess.run([script], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "SHOP_OWNER_PASSWORD" in done.stderr
