"""Setting up shops, and the rights of the extraction's login."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from postgres.connection import connected, with_database
from postgres.errors import ShopError
from postgres.setup import create_shop
from tests.postgres.conftest import INGEST_PASSWORD, OWNER_PASSWORD, Shop
from tests.postgres.shop_state import execute, one, query


@pytest.fixture(scope="module")
def module_shop(new_shop: Callable[[], Shop]) -> Shop:
    return new_shop()


@pytest.fixture
def ingest(module_shop: Shop) -> Iterator[Connection]:
    with connected(module_shop.ingest, application_name="tests") as connection:
        yield connection


def test_several_shops_share_the_roles_even_when_made_at_once(admin_dsn: str) -> None:
    def make(number: int) -> str:
        return create_shop(
            admin_dsn, f"at_once_{number}", owner_password=OWNER_PASSWORD, ingest_password=INGEST_PASSWORD
        ).ingest

    with ThreadPoolExecutor(3) as pool:
        for dsn in pool.map(make, range(3)):
            with connected(dsn, application_name="tests") as connection:
                assert one(connection, "select count(*) from orders") == 0


def test_logins_do_not_show_passwords(admin_dsn: str) -> None:
    logins = create_shop(admin_dsn, "unseen", owner_password=OWNER_PASSWORD, ingest_password=INGEST_PASSWORD)
    assert OWNER_PASSWORD not in repr(logins)
    assert INGEST_PASSWORD not in repr(logins)


def test_an_existing_database_is_left_alone(admin_dsn: str, module_shop: Shop) -> None:
    with pytest.raises(ShopError, match="exists already"):
        create_shop(admin_dsn, module_shop.name, owner_password=OWNER_PASSWORD, ingest_password=INGEST_PASSWORD)
    with connected(module_shop.owner, application_name="tests") as connection:
        assert one(connection, "select count(*) from warehouses") == 0


def test_a_shop_that_cannot_be_completed_is_removed(admin_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postgres.setup._sql_file", lambda name: "select 1; select 1 / 0")
    with pytest.raises(ShopError, match="division by zero"):
        create_shop(admin_dsn, "unfinished", owner_password=OWNER_PASSWORD, ingest_password=INGEST_PASSWORD)
    with connected(admin_dsn, application_name="tests") as connection:
        assert one(connection, "select count(*) from pg_database where datname = 'unfinished'") == 0


def test_empty_passwords_are_refused(admin_dsn: str) -> None:
    with pytest.raises(ShopError, match="password is empty"):
        create_shop(admin_dsn, "open_house", owner_password="", ingest_password=INGEST_PASSWORD)


def test_passwords_reach_neither_the_statements_nor_the_catalogue(admin_dsn: str, module_shop: Shop) -> None:
    with connected(admin_dsn, application_name="tests") as connection:
        stored = query(connection, "select rolname, rolpassword from pg_authid where rolname in ('shop', 'ingest')")
        assert len(stored) == 2
        assert all(verifier.startswith("SCRAM-SHA-256$") for _, verifier in stored)


def test_ingest_reads_every_table_and_those_to_come(ingest: Connection, module_shop: Shop) -> None:
    for table in ("products", "warehouses", "stock_levels", "stock_movements", "customers", "orders", "order_items"):
        assert query(ingest, f"select * from {table}") == []
    with connected(module_shop.owner, application_name="tests") as owner:
        execute(owner, "create table if not exists returns (return_id bigint primary key)")
    assert query(ingest, "select * from returns") == []


def test_ingest_is_read_only_by_default(ingest: Connection) -> None:
    with pytest.raises(errors.ReadOnlySqlTransaction):
        execute(ingest, "update products set price = 1")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into customers (email, full_name, country, marketing_consent, signed_up_at)"
        " values ('a@b', 'a', 'NL', true, now())",
        "update products set price = 1",
        "delete from orders",
        "truncate order_items",
        "select * from products for update",
        "select nextval(pg_get_serial_sequence('orders', 'order_id'))",
        "create table mine (id int)",
        "create temporary table mine (id int)",
        "create schema mine",
        "drop table products",
        "set role shop",
        "select rolpassword from pg_authid",
        "create role another",
        "copy products to program 'cat'",
    ],
)
def test_ingest_cannot_write_even_when_it_tries(ingest: Connection, statement: str) -> None:
    with ingest, ingest.cursor() as cursor:
        cursor.execute("set session characteristics as transaction read write")
    with pytest.raises(errors.InsufficientPrivilege):
        execute(ingest, statement)


def test_ingest_sees_the_transactions_of_others(ingest: Connection, module_shop: Shop) -> None:
    with connected(module_shop.owner, application_name="tests") as other, other.cursor() as cursor:
        cursor.execute("select 'a transaction stays open'")
        ((started, statement),) = query(
            ingest,
            "select xact_start, query from pg_stat_activity where pid = %s",
            (other.info.backend_pid,),
        )
    assert started is not None
    assert "stays open" in statement


def test_ingest_shares_its_snapshot(ingest: Connection, module_shop: Shop) -> None:
    ingest.set_session(isolation_level="REPEATABLE READ")
    with (
        ingest.cursor() as cursor,
        connected(module_shop.ingest, application_name="tests") as reader,
        reader.cursor() as reading,
    ):
        cursor.execute("select pg_export_snapshot()")
        ((snapshot,),) = cursor.fetchall()
        reading.execute("set transaction isolation level repeatable read")
        reading.execute("set transaction snapshot %s", (snapshot,))
        reading.execute("select count(*) from orders")
        assert reading.fetchone() == (0,)


def test_others_cannot_connect(admin_dsn: str, module_shop: Shop) -> None:
    with connected(admin_dsn, application_name="tests") as admin:
        execute(admin, "create role stranger login password 'stranger'")
    dsn = with_database(admin_dsn, module_shop.name, user="stranger", password="stranger")
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(dsn)
