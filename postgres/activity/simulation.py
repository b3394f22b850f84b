"""The state of one advance: the known facts of the shop, and the events that are scheduled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from psycopg2.extensions import cursor as Cursor

from postgres.activity.report import ActivityReport
from postgres.errors import ShopError
from postgres.shop.catalogue import Assortment
from postgres.shop.lifecycle import OrderStatus
from postgres.shop.rates import Rates
from postgres.shop.rhythm import MICROSECOND, Timeline

# One transaction: it gets a cursor and its business time, changes the shop and returns a report.
Event = Callable[[Cursor, datetime], ActivityReport]


@dataclass(frozen=True, slots=True)
class Depot:
    """A warehouse of the shop, by number and code."""

    warehouse_id: int
    code: str


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order with further steps."""

    order_id: int
    placed_at: datetime
    status: OrderStatus


@dataclass(slots=True)
class Simulation:
    """The state of one advance over the business time (start, end].

    Only one advance runs in a shop at a time, so this state stays true between transactions. Everything was read in the
    order of a key, so equal shops give equal simulations.
    """

    rng: Random
    start: datetime
    end: datetime
    rates: Rates
    depots: tuple[Depot, ...]
    assortment: Assortment
    highest_customer_id: int
    timeline: Timeline[Event] = field(default_factory=Timeline)

    def schedule(self, at: datetime, event: Event) -> None:
        """Schedule an event. Overdue events happen first, and events after the end never happen."""
        at = max(at, self.start + MICROSECOND)
        if at <= self.end:
            self.timeline.push(at, event)

    def home_depot(self, code: str | None) -> int | None:
        """Return the number of the warehouse with a code, None if there is none."""
        return next((depot.warehouse_id for depot in self.depots if depot.code == code), None)


def load_simulation(cursor: Cursor, rng: Random, start: datetime, end: datetime) -> Simulation:
    """Read the facts that an advance needs. Raises ShopError if the shop has no products or no customers."""
    customers, highest_customer_id = _customers(cursor)
    on_sale, products = _products_on_sale(cursor)
    depots = _depots(cursor)
    if not (customers and on_sale and depots):
        raise ShopError("the shop has no customers, warehouses or products in stock: seed it first")
    return Simulation(
        rng=rng,
        start=start,
        end=end,
        rates=Rates.of(customers=customers, products=products),
        depots=depots,
        assortment=Assortment(on_sale),
        highest_customer_id=highest_customer_id,
    )


def open_orders(cursor: Cursor) -> list[OpenOrder]:
    """Return orders with the status placed or shipped, in the order of their numbers."""
    cursor.execute(
        "select order_id, placed_at, status from orders where status in ('placed', 'shipped') order by order_id"
    )
    return [OpenOrder(order_id, placed_at, OrderStatus(status)) for order_id, placed_at, status in cursor]


def _customers(cursor: Cursor) -> tuple[int, int]:
    cursor.execute("select count(*), coalesce(max(customer_id), 0) from customers")
    ((count, highest),) = cursor.fetchall()
    return count, highest


def _products_on_sale(cursor: Cursor) -> tuple[list[int], int]:
    """Return the products in the assortment (active, and restocked somewhere), and the number of all products."""
    cursor.execute(
        """
        select product_id,
               is_active and exists (
                   select from stock_levels
                   where stock_levels.product_id = products.product_id and reorder_point > 0
               )
        from products
        order by product_id
        """
    )
    products = cursor.fetchall()
    return [product_id for product_id, on_sale in products if on_sale], len(products)


def _depots(cursor: Cursor) -> tuple[Depot, ...]:
    cursor.execute("select warehouse_id, code from warehouses order by warehouse_id")
    return tuple(Depot(warehouse_id, code) for warehouse_id, code in cursor)
