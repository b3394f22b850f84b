"""The seed's products, warehouses and customers, each with its history."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from random import Random

from postgres.shop import rates
from postgres.shop.catalogue import draw_product, sku
from postgres.shop.customers import email_address, gives_consent
from postgres.shop.rows import Customer, Product, Warehouse
from postgres.shop.world import SITES, draw_full_name, draw_market

_PAST = timedelta(days=730)
# Launched products are older than the orders, so that each order's price is the product's current one.
_LAUNCHED_BEFORE = timedelta(days=rates.HISTORY_DAYS + 30)
_ANNOUNCED_WITHIN = timedelta(days=30)

_ANNOUNCED_SHARE = 0.05
_WITHDRAWN_OF_ANNOUNCED = 5
_FEWEST_PRODUCTS = 4
_FEWEST_CUSTOMERS = 10


def draw_warehouses() -> tuple[Warehouse, ...]:
    """Return the shop's warehouses, which are the same for every seed."""
    return tuple(_warehouse(number) for number in range(1, len(SITES) + 1))


def draw_products(rng: Random, scale: float, business_now: datetime) -> tuple[Product, ...]:
    """Return products by age: the launched ones, then about 5 % that are announced and have never been in stock.

    One in five of the announced ones has been withdrawn again (is_active false).
    """
    count = max(_FEWEST_PRODUCTS, round(rates.PRODUCTS * scale))
    announced = max(1, round(count * _ANNOUNCED_SHARE))
    launched_until = business_now - _LAUNCHED_BEFORE
    created = [
        *_times(rng, business_now - _PAST, launched_until, count - announced),
        *_times(rng, business_now - _ANNOUNCED_WITHIN, business_now, announced),
    ]
    withdrawn = set(range(count - announced + 1, count + 1, _WITHDRAWN_OF_ANNOUNCED)) if announced > 1 else set()
    return tuple(
        _product(
            rng,
            number,
            created_at,
            edited_until=launched_until if number <= count - announced else business_now,
            is_active=number not in withdrawn,
        )
        for number, created_at in enumerate(created, start=1)
    )


def is_launched(product: Product, business_now: datetime) -> bool:
    """Return whether a product of the seed has been in stock. All other products are only announced."""
    return product.created_at < business_now - _LAUNCHED_BEFORE


def draw_customers(rng: Random, scale: float, business_now: datetime) -> Sequence[Customer]:
    """Return customers in the order of their sign-up over two years. The first one signs up on the first day."""
    count = max(_FEWEST_CUSTOMERS, round(rates.CUSTOMERS * scale))
    opening = business_now - _PAST
    signed_up = [opening, *_times(rng, opening, business_now, count - 1)]
    return [_customer(rng, number, at, business_now) for number, at in enumerate(signed_up, start=1)]


def _warehouse(number: int) -> Warehouse:
    site = SITES[number - 1]
    opened_at = datetime.combine(site.opened_on, time(8), tzinfo=UTC)
    return Warehouse(number, site.code, site.name, site.city, site.country, site.opened_on, opened_at, opened_at)


def _product(rng: Random, number: int, created_at: datetime, *, edited_until: datetime, is_active: bool) -> Product:
    draft = draw_product(rng)
    edited = rng.random() < 0.6 or not is_active
    updated_at = _time(rng, created_at, edited_until) if edited else created_at
    return Product(
        product_id=number,
        sku=sku(number),
        name=draft.name,
        category=draft.category,
        price=draft.price,
        currency="EUR",
        attributes=json.dumps(draft.attributes, ensure_ascii=False),
        is_active=is_active,
        created_at=created_at,
        updated_at=updated_at,
    )


def _customer(rng: Random, number: int, signed_up_at: datetime, business_now: datetime) -> Customer:
    market = draw_market(rng)
    edited = rng.random() < 0.2
    return Customer(
        customer_id=number,
        email=email_address(number),
        full_name=draw_full_name(rng, market),
        country=market.country,
        marketing_consent=gives_consent(number),
        signed_up_at=signed_up_at,
        created_at=signed_up_at,
        updated_at=_time(rng, signed_up_at, business_now) if edited else signed_up_at,
    )


def _times(rng: Random, start: datetime, end: datetime, count: int) -> list[datetime]:
    """Return `count` times in [start, end), ascending."""
    return sorted(_time(rng, start, end) for _ in range(count))


def _time(rng: Random, start: datetime, end: datetime) -> datetime:
    return start + timedelta(microseconds=rng.randrange((end - start) // timedelta(microseconds=1)))
