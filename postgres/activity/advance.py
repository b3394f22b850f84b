"""Advances the shop by a span of business time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection

from postgres.activity import customers, products, stock
from postgres.activity.orders import OrderDesk
from postgres.activity.report import NOTHING, ActivityReport
from postgres.activity.simulation import Event, Simulation, load_simulation, open_orders
from postgres.errors import ShopError
from postgres.shop import replenishment
from postgres.shop.chance import generator
from postgres.shop.response import purchases
from postgres.shop.rhythm import OFFICE, SHOPPING, Rhythm, arrivals
from postgres.shop.visits import NO_VISITS, Visits

# Two advances of one shop would base their decisions on each other's past. The key is an arbitrary number.
_ADVANCE_LOCK = 7_238_402


def advance(
    connection: Connection,
    *,
    business_now: datetime,
    span: timedelta,
    seed: int = 1,
    visits: Visits = NO_VISITS,
) -> ActivityReport:
    """Advance the shop over the business time (business_now, business_now + span]. Return what happened.

    Every event is a transaction of its own, committed before the next begins, in the order of business times.
    placed_at, moved_at and signed_up_at are business times; created_at and updated_at are the database's. Rates follow
    the shop's size: at scale 1 a day brings about 220 orders with 550 lines, 15 price changes, 12 sign-ups, 4 erasures
    of customers, and now and then the deletion of a discontinued product. Further orders come from `visits`
    (postgres/shop/response.py).

    Equal shops, sequences included, and equal arguments give equal rows, except for created_at and updated_at.

    `connection` must not be in a transaction. Raises ShopError if it is, if the shop is empty or another advance is
    running in it, if an argument is out of range, and if the visits are not available. After a failure, committed
    changes stay, and the next advance continues from there.
    """
    _check(connection, business_now, span)
    start = business_now.astimezone(UTC)
    with _alone(connection):
        with connection, connection.cursor() as cursor:
            simulation = load_simulation(cursor, generator(seed, start.isoformat()), start, start + span)
            desk = OrderDesk(simulation)
            for order in open_orders(cursor):
                desk.expect_next_step(order)
        _schedule(simulation, desk)
        for purchase in purchases(visits, simulation.start, simulation.end):
            simulation.schedule(purchase.at, partial(desk.respond, purchase))
        return _play(connection, simulation)


def latest_business_time(connection: Connection) -> datetime | None:
    """Return the latest business time in the shop's rows (UTC), from which an advance continues.

    None for an empty shop.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select greatest((select max(placed_at) from orders), (select max(moved_at) from stock_movements),"
            " (select max(signed_up_at) from customers))"
        )
        ((latest,),) = cursor.fetchall()
    return latest.astimezone(UTC) if latest is not None else None


def _check(connection: Connection, business_now: datetime, span: timedelta) -> None:
    if business_now.tzinfo is None:
        raise ShopError(f"business_now {business_now} has no offset: give it in UTC")
    if span <= timedelta(0):
        raise ShopError(f"span {span} is out of range: it must be positive")
    if connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
        raise ShopError("the connection is in a transaction: commit or roll back before advancing the shop")


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    with connection, connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", (_ADVANCE_LOCK,))
        if cursor.fetchone() != (True,):
            raise ShopError("another activity is advancing this shop: stop it, or wait until it has ended")
    try:
        yield
    finally:
        # A connection that is lost has released its lock.
        if not connection.closed:
            with connection, connection.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(%s)", (_ADVANCE_LOCK,))


def _schedule(simulation: Simulation, desk: OrderDesk) -> None:
    rates = simulation.rates
    streams: tuple[tuple[float, Rhythm, Event], ...] = (
        (rates.orders, SHOPPING, desk.place),
        (rates.sign_ups, SHOPPING, partial(customers.sign_up, simulation)),
        (rates.consent_changes, SHOPPING, partial(customers.change_consent, simulation)),
        (rates.erasures, OFFICE, partial(customers.erase, simulation)),
        (rates.price_changes, OFFICE, partial(products.change_price, simulation)),
        (rates.announcements, OFFICE, partial(products.announce, simulation)),
        (rates.launches, OFFICE, partial(products.launch, simulation)),
        (rates.discontinuations, OFFICE, partial(products.discontinue, simulation)),
        (rates.product_deletions, OFFICE, partial(products.delete_discontinued, simulation)),
        (rates.cycle_counts, OFFICE, partial(stock.count_shelves, simulation)),
    )
    for per_day, rhythm, event in streams:
        for at in arrivals(simulation.rng, simulation.start, simulation.end, per_day, rhythm):
            simulation.schedule(at, event)
    for depot in simulation.depots:
        for at in replenishment.deliveries(depot.warehouse_id, simulation.start, simulation.end):
            simulation.schedule(at, partial(stock.deliver, simulation, depot.warehouse_id))


def _play(connection: Connection, simulation: Simulation) -> ActivityReport:
    report = NOTHING
    for at, event in simulation.timeline.until(simulation.end):
        with connection, connection.cursor() as cursor:
            outcome = event(cursor, at)
        if outcome != NOTHING:
            report += replace(outcome, transactions=1)
    return report
