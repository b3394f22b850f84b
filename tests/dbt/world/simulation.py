"""The simulated shop and provider, landed in RAW as ingest would land them, without server or lake.

It is the world of `make demo` on a smaller scale, with some earlier days on which the platform ran, so that RAW holds
the versions of rows, not only the last ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mock_saas.api.app import make_lists
from mock_saas.history.randomness import Randomness
from mock_saas.history.visits import VisitList
from mock_saas.settings import Settings
from mock_saas.timestamps import to_us
from mock_saas.windows import Window
from orchestration.warehouse.duckdb.publish import publish_schema
from postgres.shop.chance import generator
from postgres.shop.history import Batch, ShopHistory
from postgres.shop.lifecycle import OrderStatus, Step, steps_before
from postgres.shop.master_data import draw_customers, draw_products, draw_warehouses
from postgres.shop.rows import Customer, Order, Product, Warehouse
from postgres.shop.visits import Visit
from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.world.shop import LandingZone

Row = Mapping[str, Any]

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SCALE = 0.2
EVENTS_PER_DAY = 1_500
DAYS = 10
LANDED = (10, 5, 4, 3, 2, 1, 0)
"""So many days before NOW the platform ran."""
SEED = 1

_DAY = timedelta(days=1)
_CONSENT_CHANGES_EVERY = 150
_EVERYTHING = 10_000_000


@dataclass(frozen=True)
class Followed:
    """The visits by links in the provider's messages."""

    visits: VisitList

    def between(self, start: datetime, end: datetime) -> Iterator[Visit]:
        """Return the visits in the form that the shop requests."""
        for visit in self.visits.between(to_us(start), to_us(end)):
            sku = visit.url.split("?")[0].rsplit("/", 1)[1]
            yield Visit(datetime.fromisoformat(visit.at), visit.recipient, sku)


def land_simulation(raw: LandingZone) -> None:
    """Land the world: first when the provider's history begins, last at NOW."""
    epoch = NOW.replace(hour=0) - DAYS * _DAY
    settings = Settings(
        environment="dev",
        epoch=epoch,
        seed=SEED,
        events_per_day=EVENTS_PER_DAY,
        broken_rate=0,
        recipients=round(4_800 * SCALE),
        skus=round(500 * SCALE),
    )
    campaigns, events, visits = make_lists(settings, Randomness(SEED), to_us(epoch))
    shop = _Shop.open(Followed(visits))
    before = datetime.min.replace(tzinfo=UTC)
    for at in (NOW - day * _DAY for day in LANDED):
        shop.live_until(at)
        shop.land(raw, before, at)
        window = Window(None if before.year == 1 else to_us(before), to_us(at))
        changed = campaigns.page(window, None, _EVERYTHING, to_us(at)).records
        _land(raw, "campaigns", (_record(text, "campaign_id", "updated_at") for text in changed), at)
        told = events.page(window, None, _EVERYTHING, to_us(NOW)).records
        _land(raw, "email_events", (_record(text, "event_id", "received_at") for text in told), at)
        before = at
    shop.land_keys(raw)
    listed = campaigns.page(Window(None, None), None, _EVERYTHING, to_us(NOW)).records
    raw.land_keys("campaigns", [json.loads(text) for text in listed], NOW)


@dataclass
class _Shop:
    """The shop's rows as of its present."""

    history: ShopHistory
    batches: Iterator[Batch]
    products: Sequence[Product]
    warehouses: Sequence[Warehouse]
    customers: Sequence[Customer]
    lived: Batch
    until: datetime

    @classmethod
    def open(cls, visits: Followed) -> _Shop:
        products = draw_products(generator(SEED, "products"), SCALE, NOW)
        warehouses = draw_warehouses()
        customers = draw_customers(generator(SEED, "customers"), SCALE, NOW)
        history = ShopHistory(
            generator(SEED, "history"),
            products=products,
            warehouses=warehouses,
            customers=customers,
            business_now=NOW,
            visits=visits,
        )
        batches = history.batches()
        stocked = next(batches)
        return cls(history, batches, products, warehouses, customers, stocked, NOW - 90 * _DAY)

    def live_until(self, at: datetime) -> None:
        """Simulate the days up to `at`."""
        while self.until < at:
            batch = next(self.batches)
            self.lived.orders += batch.orders
            self.lived.order_items += batch.order_items
            self.lived.movements += batch.movements
            self.until += _DAY

    def land(self, raw: LandingZone, before: datetime, at: datetime) -> None:
        """Land the rows that are new since `before`, in their state at `at`."""
        for stream, rows in self._rows(at).items():
            cursor = raw.contracts[stream].spec.cursor
            dicts = [row._asdict() for row in rows if row.created_at < at]
            if cursor is None:
                raw.land(stream, dicts, at, kind="snapshot")
            else:
                _land(raw, stream, (row for row in dicts if before <= row[cursor] < at), at)

    def land_keys(self, raw: LandingZone) -> None:
        """Land the keys of all rows that exist at NOW: nothing was deleted."""
        for stream, rows in self._rows(NOW).items():
            if raw.contracts[stream].lands_keys:
                raw.land_keys(stream, [row._asdict() for row in rows], NOW)

    def _rows(self, at: datetime) -> dict[str, Iterable[Any]]:
        return {
            "products": self.products,
            "warehouses": self.warehouses,
            "customers": (self._customer(customer, at) for customer in self.customers),
            "stock_levels": self.history.stock_levels(),
            "orders": (_order(order, at) for order in self.lived.orders),
            "order_items": self.lived.order_items,
            "stock_movements": self.lived.movements,
        }

    def _customer(self, customer: Customer, at: datetime) -> Customer:
        """Return the customer's state at `at`. Some customers change their consent once, on one of the days."""
        number = customer.customer_id
        changes_at = NOW - _DAY * (number // _CONSENT_CHANGES_EVERY % DAYS) - timedelta(hours=5)
        if number % _CONSENT_CHANGES_EVERY != 1 or changes_at >= at or customer.updated_at >= changes_at:
            return customer
        return customer._replace(marketing_consent=not customer.marketing_consent, updated_at=changes_at)


def _order(order: Order, at: datetime) -> Order:
    """Return an order's state at `at`."""
    placed = Step(OrderStatus.PLACED, order.placed_at)
    *_, last = (placed, *steps_before(order.order_id, order.placed_at, at))
    return order._replace(status=last.status.value, updated_at=last.at)


def _record(text: str, key: str, cursor: str) -> Row:
    record = json.loads(text)
    return {key: record[key], cursor: datetime.fromisoformat(record[cursor]), "payload": text}


def _land(raw: LandingZone, stream: str, rows: Iterable[Row], at: datetime) -> None:
    """Land a window. A window without rows commits nothing."""
    if new := list(rows):
        raw.land(stream, new, at)


def simulated_marts(folder: Path) -> Path:
    """Land, build and publish the world in `folder`. Return the published database, which holds only MART."""
    raw = RawDatabase.create(folder)
    land_simulation(raw)
    dbt = Dbt(folder, variables={"DUCKDB_PATH": str(raw.path)}, business_now=f"{NOW:%Y-%m-%dT%H:%M:%SZ}")
    dbt.succeed("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    published = folder / "published" / raw.path.name
    publish_schema(raw.opened, "MART", published)
    return published
