"""The response of customers to links in e-mails: some visitors order soon, often the product that the page showed.

The purchase of a visit is a function of the visit. So history can be written in one go and later be continued by
another process: at the boundary no purchase is lost or made twice.
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
    """The parameters of the response. Orders from visits come in addition to the shop's other orders.

    Args:
        order_share: the share of visits that lead to an order.
        mean_delay: the mean delay from the visit to its order; the delay is exponential, at least a minute.
        longest_delay: the longest delay.
        promoted_share: the share of these orders with the product of the page, if it is on sale.
    """

    order_share: float = 0.25
    mean_delay: timedelta = timedelta(hours=6)
    longest_delay: timedelta = timedelta(hours=72)
    promoted_share: float = 0.8


RESPONSE = Response()


@dataclass(frozen=True, slots=True)
class Purchase:
    """The wish of the customer with this address to order at a business time. The order includes the product `sku`, if
    set.

    `rng` draws the rest of the basket.
    """

    at: datetime
    email: str
    sku: str | None
    rng: Random


def purchases(visits: Visits, start: datetime, end: datetime, response: Response = RESPONSE) -> Iterator[Purchase]:
    """Yield the purchases in (start, end] that come from visits in that span or before."""
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
    """Return an exponential delay, cut off where the share of longer delays would begin."""
    longest = response.longest_delay - _CHECKOUT
    within = 1 - math.exp(-(longest / response.mean_delay))
    return _CHECKOUT + min(longest, response.mean_delay * -math.log(1 - rng.random() * within))
