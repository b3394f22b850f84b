"""The rules of replenishment that history and activity share: when to reorder, how much, and the time of deliveries."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from postgres.shop.chance import Weighted

# Every warehouse gets a delivery every four hours. They are staggered, so that one comes about every 37 minutes.
_DELIVERY_EVERY = timedelta(hours=4)
_STAGGER = timedelta(minutes=37)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

_LEAD_DAYS = 3
# The number of pairs that one cycle count finds wrong.
PAIRS_PER_COUNT = 4
_DIFFERENCE = Weighted((1, 2, 3), (0.75, 0.2, 0.05))


def reorder_point(units_per_day: float) -> int:
    """Return the stock below which a pair is restocked: three days of demand, at least two units."""
    return max(2, math.ceil(_LEAD_DAYS * units_per_day))


def order_up_to(reorder_point: int) -> int:
    """Return the stock that a delivery fills a pair up to."""
    return reorder_point + 1 + reorder_point // 4


def first_stock(reorder_point: int) -> int:
    """Return the stock with which a pair is launched."""
    return 2 * order_up_to(reorder_point)


def deliveries(warehouse_id: int, start: datetime, end: datetime) -> Iterator[datetime]:
    """Times of a warehouse's deliveries in (start, end]."""
    offset = _EPOCH + (warehouse_id * _STAGGER) % _DELIVERY_EVERY
    at = offset + ((start - offset) // _DELIVERY_EVERY + 1) * _DELIVERY_EVERY
    while at <= end:
        yield at
        at += _DELIVERY_EVERY


def draw_count_difference(rng: Random) -> int:
    """Return the difference found by a count of a shelf: never 0, and more often negative than positive."""
    size = _DIFFERENCE.draw(rng)
    return -size if rng.random() < 0.65 else size
