"""Fixtures of other tests: every shop is a fresh copy, with the privileges of a real one."""

from __future__ import annotations

from contextlib import closing

import httpx
import psycopg2
import pytest

from local.servers.postgres_server import SUPERUSER, PostgresServer, dsn
from local.servers.saas_server import SaasServer
from local.servers.shop import Shop
from postgres.seed import SeedReport
from tests.conftest import BUSINESS_NOW, Bucket
from tests.empty_databases import EmptyDatabases


@pytest.mark.parametrize("copy", [1, 2])
def test_each_test_has_the_whole_shop(shop_database: Shop, seeded: SeedReport, copy: int) -> None:
    with closing(psycopg2.connect(shop_database.owner_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("select count(*), max(placed_at) from orders")
        count, latest = cursor.fetchone() or ()
        cursor.execute("update orders set status = 'placed', placed_at = now() + interval '10 years'")

    assert count == seeded.orders
    assert latest < BUSINESS_NOW


def test_ingest_reads_and_does_nothing_else(shop_database: Shop) -> None:
    with closing(psycopg2.connect(shop_database.ingest_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("set transaction read write")
        cursor.execute("select count(*) from products")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("delete from orders")


def test_buckets_are_fresh(bucket: Bucket) -> None:
    assert bucket.client.list_objects_v2(Bucket=bucket.name)["KeyCount"] == 0


def test_provider_answers(mock_saas_server: SaasServer) -> None:
    answer = httpx.get(
        f"{mock_saas_server.base_url}/v1/events",
        params={"limit": 1},
        headers={"Authorization": f"Bearer {mock_saas_server.api_key}"},
    )

    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 1


LEFT = {
    "a table in a schema of its own": ("create schema own; create table own.t (a int); create table t (a int)", True),
    "a function that others call": ("create function f() returns int language sql as 'select 1'", True),
    "a schema that others may not use": ("revoke usage on schema public from public", True),
    "a setting of the database": ("alter database {} set work_mem = '1MB'", False),
    "an event trigger": (
        "create schema own; create function own.f() returns event_trigger language plpgsql as 'begin end';"
        "create event trigger e on ddl_command_end execute function own.f(); create publication p for all tables",
        False,
    ),
}


@pytest.mark.parametrize("left", LEFT)
def test_a_database_is_handed_out_again_if_nothing_is_left_in_it(postgres_server: PostgresServer, left: str) -> None:
    databases = EmptyDatabases(postgres_server)
    statement, is_taken_back = LEFT[left]
    name = databases.take()
    address = dsn(postgres_server.port, SUPERUSER, postgres_server.password, name)
    with closing(psycopg2.connect(address)) as forgotten:
        forgotten.autocommit = True
        forgotten.cursor().execute(statement.format(name))
        databases.give_back(name)
    again = databases.take()
    assert (again == name) is is_taken_back
    with closing(psycopg2.connect(address.replace(name, again))) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_class where relnamespace::regnamespace::text !~ '^(pg_|information_)'")
        assert cursor.fetchall() == [(0,)]
        cursor.execute("select count(*) from pg_publication")
        assert cursor.fetchall() == [(0,)]
    databases.give_back(again)
