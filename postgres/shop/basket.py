"""Chooses a shopper's basket."""

from dataclasses import dataclass
from decimal import Decimal
from random import Random

from postgres.shop.catalogue import Assortment
from postgres.shop.chance import Weighted

_LINES = {1: 0.27, 2: 0.29, 3: 0.22, 4: 0.13, 5: 0.06, 6: 0.03}
_QUANTITIES = {1: 0.71, 2: 0.19, 3: 0.06, 4: 0.03, 6: 0.01}
_DISCOUNTS = {"0.0000": 0.78, "0.0500": 0.08, "0.1000": 0.08, "0.1500": 0.04, "0.3333": 0.02}

_MEAN_LINES = sum(count * weight for count, weight in _LINES.items())
_MEAN_QUANTITY = sum(quantity * weight for quantity, weight in _QUANTITIES.items())

_LINE_COUNT = Weighted(tuple(_LINES), _LINES.values())
_QUANTITY = Weighted(tuple(_QUANTITIES), _QUANTITIES.values())
_DISCOUNT = Weighted(tuple(map(Decimal, _DISCOUNTS)), _DISCOUNTS.values())


@dataclass(frozen=True, slots=True)
class BasketLine:
    """A line of a basket: `quantity` units of a product, with the discount granted."""

    product_id: int
    quantity: int
    discount_rate: Decimal


def draw_basket(rng: Random, assortment: Assortment, wanted: int | None = None) -> tuple[BasketLine, ...]:
    """Return the lines of a random basket, one for each product; empty if nothing is on sale.

    The first line is the product `wanted`, if it is on sale.
    """
    if not len(assortment):
        return ()
    count = _LINE_COUNT.draw(rng)
    drawn = [assortment.draw(rng) for _ in range(count)]
    if wanted is not None and wanted in assortment:
        drawn[0] = wanted
    # A product drawn twice makes one line; dict.fromkeys keeps the order.
    products = dict.fromkeys(drawn)
    return tuple(BasketLine(product_id, _QUANTITY.draw(rng), _DISCOUNT.draw(rng)) for product_id in products)


def expected_units(orders: float) -> float:
    """Return the number of units of all products together in that many orders."""
    return orders * _MEAN_LINES * _MEAN_QUANTITY
