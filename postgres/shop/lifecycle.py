"""The lifecycle of an order.

An order's steps are a function of its number and the time it was placed. So history can be written in one go and later
be continued by another process without any stored state.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from postgres.shop.chance import fraction

_CANCELLED_SHARE = 0.04


class OrderStatus(StrEnum):
    """States of an order, as in orders.status."""

    PLACED = "placed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Step:
    """An order enters `status` at the business time `at`."""

    status: OrderStatus
    at: datetime


def steps(order_id: int, placed_at: datetime) -> tuple[Step, ...]:
    """Return the steps of an order after it was placed, in order of time.

    It is either cancelled, ten minutes to three hours later; or shipped 4 to 36 hours later and delivered 20 to 96
    hours after that. Carriers collect and report on the full hour (UTC), so that orders share these times.
    """
    if fraction("cancelled", order_id) < _CANCELLED_SHARE:
        delay = timedelta(minutes=round(10 + 170 * fraction("cancelled after", order_id)))
        return (Step(OrderStatus.CANCELLED, placed_at.astimezone(UTC) + delay),)
    shipped_at = _next_full_hour(placed_at + timedelta(hours=4 + 32 * fraction("shipped after", order_id)))
    delivered_at = _next_full_hour(shipped_at + timedelta(hours=20 + 76 * fraction("delivered after", order_id)))
    return (Step(OrderStatus.SHIPPED, shipped_at), Step(OrderStatus.DELIVERED, delivered_at))


def next_step(order_id: int, placed_at: datetime, status: OrderStatus) -> Step | None:
    """Return the step after `status`; None if that status is final."""
    if status is OrderStatus.PLACED:
        return steps(order_id, placed_at)[0]
    if status is OrderStatus.SHIPPED:
        return _after_shipping(order_id, placed_at)
    return None


def steps_before(order_id: int, placed_at: datetime, now: datetime) -> Iterator[Step]:
    """Yield the steps that lie before `now`."""
    return (step for step in steps(order_id, placed_at) if step.at < now)


def _after_shipping(order_id: int, placed_at: datetime) -> Step | None:
    # An order that was shipped by hand, although its steps say cancelled, has no further steps.
    return next((step for step in steps(order_id, placed_at) if step.status is OrderStatus.DELIVERED), None)


def _next_full_hour(at: datetime) -> datetime:
    at = at.astimezone(UTC)
    full_hour = at.replace(minute=0, second=0, microsecond=0)
    return full_hour if full_hour == at else full_hour + timedelta(hours=1)
