"""What the other tests stand on: every shop is a fresh copy, with the privileges of a real one."""

from __future__ import annotations

from contextlib import closing

import httpx
import psycopg2
import pytest

from local.servers.saas_server import SaasServer
from local.servers.shop import Shop
from postgres.seed import SeedReport
from tests.conftest import BUSINESS_NOW, Bucket


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
