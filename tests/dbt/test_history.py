"""The dimensions' histories are complete, whatever runs saw, and their keys are the same however often a row landed."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from tests.dbt.conftest import MODELS_AND_DATA_TESTS
from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.world.history import live_through_a_round, open_shop

KEYS = {
    "dim_product": "product_key, product_id",
    "dim_customer": "customer_key, customer_id",
    "dim_customer_history": "customer_version_key, customer_id",
    "dim_warehouse": "warehouse_key, warehouse_id",
    "dim_warehouse_history": "warehouse_version_key, warehouse_id",
    "dim_campaign": "campaign_key, campaign_id",
    "dim_campaign_history": "campaign_version_key, campaign_id",
}

DIMENSIONS = ("--select", *(f"+{table}" for table in KEYS), "--indirect-selection", "cautious", *MODELS_AND_DATA_TESTS)
"""To build them with their tests, and what they are made of."""


def keys(raw: RawDatabase) -> dict[str, list[tuple[Any, ...]]]:
    """Return the keys of every dimension, with the values that they stand for."""
    return raw.queries({table: f"select {columns} from MART.{table} order by all" for table, columns in KEYS.items()})


@pytest.mark.slow
def test_a_stream_that_lands_anew_has_the_keys_that_it_had_and_no_version_is_lost(raw: RawDatabase, dbt: Dbt) -> None:
    shop = open_shop(Random(15))
    shop.land(raw)
    dbt.succeed("build", *DIMENSIONS)
    live_through_a_round(shop)
    shop.land(raw)
    product, customer = shop.draw("products"), shop.draw("customers")
    assert product
    assert customer
    for price in (11, 12):
        shop.tick(timedelta(days=1).total_seconds())
        shop.change("products", product, price=price)
        shop.change("customers", customer, marketing_consent=price == 12, email=f"moved-{price}@mail.example")
        shop.land(raw)
    dbt.succeed("build", *DIMENSIONS)

    prices = "select cast(list_price as integer) from {} where product_id = {} and list_price in (11, 12) order by 1"
    assert raw.query(prices.format("MART.dim_product", *product)) == [(11,), (12,)]
    assert raw.query(prices.format("SNAPSHOTS.snap_products", *product)) == [(12,)]
    consents = raw.query(
        f"select marketing_consent from MART.dim_customer_history where customer_id = {customer[0]} "
        "order by version_number"
    )
    assert consents[-2:] == [(False,), (True,)]

    before = keys(raw)
    assert all(before.values())
    everything = [key for table in before.values() for key, _ in table if key != "unknown"]
    assert len(everything) == len(set(everything)), "no two dimensions share a key"

    for stream in ("products", "customers", "campaigns"):
        raw.land(stream, list(shop.rows(stream).values()), shop.tick(), kind="backfill")
    raw.land("warehouses", list(shop.rows("warehouses").values()), shop.tick(), kind="snapshot")
    dbt.succeed("build", *DIMENSIONS)
    assert keys(raw) == before
