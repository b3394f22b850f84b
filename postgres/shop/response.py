"""How customers respond to links in e-mails: some who came by one order, soon, and often what the page showed.

What comes of a visit is a function of the visit, so that history can be written in one go and later be carried on by
another process: neither loses a purchase at their border, nor makes one twice.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from postgres.shop.chance import generator
from postgres.shop.visits import Visit, Visits

_CHECKOUT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Response:
    """The parameters. Orders that come of visits are on top of those that the shop has anyway.

    Args:
        order_share: of the visits, lead to an order.
        mean_delay: from the visit to its order; the delay is exponential, a minute at least.
        longest_delay: no order comes later.
        promoted_share: of these orders, hold the product of the page, if it is to be had.
    """

    order_share: float = 0.25
    mean_delay: timedelta = timedelta(hours=6)
    longest_delay: timedelta = timedelta(hours=72)
    promoted_share: float = 0.8


RESPONSE = Response()


@dataclass(frozen=True, slots=True)
class Purchase:
    """A customer with this address wants to order at a business time; `sku`: among other things that product.

    `rng` draws the rest of the basket.
    """

    at: datetime
    email: str
    sku: str | None
    rng: Random


def purchases(visits: Visits, start: datetime, end: datetime, response: Response = RESPONSE) -> Iterator[Purchase]:
    """The purchases in (start, end] that come of visits then or before."""
    for visit in visits.between(start - response.longest_delay, end):
        purchase = _purchase(visit, response)
        if purchase is not None and start < purchase.at <= end:
            yield purchase


def _purchase(visit: Visit, response: Response) -> Purchase | None:
    rng = generator("response", visit.at.isoformat(), visit.email, visit.sku)
    if rng.random() >= response.order_share:
        return None
    at = visit.at + _delay(rng, response)
    return Purchase(at, visit.email, visit.sku if rng.random() < response.promoted_share else None, rng)


def _delay(rng: Random, response: Response) -> timedelta:
    """Exponential, cut off where the share of longer delays would begin."""
    longest = response.longest_delay - _CHECKOUT
    within = 1 - math.exp(-(longest / response.mean_delay))
    return _CHECKOUT + min(longest, response.mean_delay * -math.log(1 - rng.random() * within))
