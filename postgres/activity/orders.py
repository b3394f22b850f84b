"""Orders: placing, shipping, delivering, cancelling."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from postgres.activity.customers import Shopper, draw_orderer, find_shopper
from postgres.activity.report import NOTHING, ActivityReport
from postgres.activity.simulation import OpenOrder, Simulation
from postgres.activity.stock import Move, move_stock
from postgres.shop.basket import BasketLine, draw_basket
from postgres.shop.catalogue import line_total
from postgres.shop.fulfilment import Allocation, allocate
from postgres.shop.lifecycle import OrderStatus, next_step
from postgres.shop.response import Purchase
from postgres.shop.world import home_site

_BEFORE = {
    OrderStatus.SHIPPED: OrderStatus.PLACED,
    OrderStatus.DELIVERED: OrderStatus.SHIPPED,
    OrderStatus.CANCELLED: OrderStatus.PLACED,
}


class OrderDesk:
    """The handling of orders in one advance. Orders that ship or arrive at the same time share one transaction."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._due: dict[tuple[OrderStatus, datetime], list[int]] = {}

    def expect_next_step(self, order: OpenOrder) -> None:
        """Schedule the next step of an order."""
        step = next_step(order.order_id, order.placed_at, order.status)
        if step is None:
            return
        if step.status is OrderStatus.CANCELLED:
            self._simulation.schedule(step.at, partial(self._cancel, order.order_id))
            return
        due = self._due.setdefault((step.status, step.at), [])
        if not due:
            self._simulation.schedule(step.at, partial(self._hand_over, step.status, step.at))
        due.append(order.order_id)

    def place(self, cursor: Cursor, at: datetime) -> ActivityReport:
        """Place an order of a random customer for products in stock. Lines that no warehouse can ship are left out."""
        simulation = self._simulation
        basket = draw_basket(simulation.rng, simulation.assortment)
        shopper = draw_orderer(simulation, cursor)
        return NOTHING if shopper is None else self._sell(cursor, shopper, basket, at)

    def respond(self, purchase: Purchase, cursor: Cursor, at: datetime) -> ActivityReport:
        """Place the order of a customer who came by a link. An erased customer places none."""
        shopper = find_shopper(cursor, purchase.email)
        if shopper is None:
            return NOTHING
        wanted = _product_of(cursor, purchase.sku) if purchase.sku else None
        return self._sell(cursor, shopper, draw_basket(purchase.rng, self._simulation.assortment, wanted), at)

    def _sell(self, cursor: Cursor, shopper: Shopper, basket: Sequence[BasketLine], at: datetime) -> ActivityReport:
        product_ids = sorted(line.product_id for line in basket)
        prices = _locked_prices(cursor, product_ids)
        home = self._simulation.home_depot(home_site(shopper.country))
        allocations = allocate(basket, home, _locked_stock(cursor, sorted(prices)))
        without_stock = len(basket) - len(allocations)
        if not allocations:
            return ActivityReport(lines_without_stock=without_stock)
        order_id = _insert_order(cursor, shopper.customer_id, allocations, prices, at)
        move_stock(cursor, [_sale(allocation, order_id) for allocation in allocations], at)
        self.expect_next_step(OpenOrder(order_id, at, OrderStatus.PLACED))
        return ActivityReport(orders_placed=1, order_lines=len(allocations), lines_without_stock=without_stock)

    def _hand_over(self, status: OrderStatus, due_at: datetime, cursor: Cursor, at: datetime) -> ActivityReport:
        """Let the carrier collect orders (shipped) or report them delivered, many at a time."""
        moved_on = _advance_status(cursor, self._due.pop((status, due_at)), status)
        for order in moved_on:
            self.expect_next_step(order)
        if status is OrderStatus.SHIPPED:
            return ActivityReport(orders_shipped=len(moved_on))
        return ActivityReport(orders_delivered=len(moved_on))

    def _cancel(self, order_id: int, cursor: Cursor, at: datetime) -> ActivityReport:
        """Cancel an order before it ships. Its lines return to their warehouses."""
        if not _advance_status(cursor, [order_id], OrderStatus.CANCELLED):
            return NOTHING
        cursor.execute(
            "select warehouse_id, product_id, quantity from order_items where order_id = %s order by line_number",
            (order_id,),
        )
        moves = [
            Move(warehouse_id, product_id, quantity, "cancellation", order_id)
            for warehouse_id, product_id, quantity in cursor
        ]
        move_stock(cursor, moves, at)
        return ActivityReport(orders_cancelled=1)


def _product_of(cursor: Cursor, sku: str) -> int | None:
    cursor.execute("select product_id from products where sku = %s", (sku,))
    row = cursor.fetchone()
    return None if row is None else int(row[0])


def _locked_prices(cursor: Cursor, product_ids: Sequence[int]) -> dict[int, Decimal]:
    """Return the prices of the products that are on sale, locked so that an order and a price change cannot overlap."""
    cursor.execute(
        """
        select product_id, price from products
        where product_id = any(%s) and is_active
        order by product_id
        for share
        """,
        (list(product_ids),),
    )
    return dict(cursor.fetchall())


def _locked_stock(cursor: Cursor, product_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return the units on hand by product and warehouse, locked until the order is written."""
    cursor.execute(
        """
        select product_id, warehouse_id, on_hand from stock_levels
        where product_id = any(%s)
        order by product_id, warehouse_id
        for update
        """,
        (list(product_ids),),
    )
    on_hand: dict[int, dict[int, int]] = {}
    for product_id, warehouse_id, units in cursor:
        on_hand.setdefault(product_id, {})[warehouse_id] = units
    return on_hand


def _insert_order(
    cursor: Cursor,
    customer_id: int,
    allocations: Sequence[Allocation],
    prices: dict[int, Decimal],
    at: datetime,
) -> int:
    totals = [line_total(a.line.quantity, prices[a.line.product_id], a.line.discount_rate) for a in allocations]
    cursor.execute(
        "insert into orders (customer_id, status, total_amount, placed_at) values (%s, 'placed', %s, %s)"
        " returning order_id",
        (customer_id, sum(totals), at),
    )
    ((order_id,),) = cursor.fetchall()
    items = [
        (
            order_id,
            line_number,
            allocation.line.product_id,
            allocation.warehouse_id,
            allocation.line.quantity,
            prices[allocation.line.product_id],
            allocation.line.discount_rate,
            total,
        )
        for line_number, (allocation, total) in enumerate(zip(allocations, totals, strict=True), start=1)
    ]
    execute_values(
        cursor,
        """
        insert into order_items
            (order_id, line_number, product_id, warehouse_id, quantity, unit_price, discount_rate, line_total)
        values %s
        """,
        items,
        page_size=len(items),
    )
    return int(order_id)


def _sale(allocation: Allocation, order_id: int) -> Move:
    line = allocation.line
    return Move(allocation.warehouse_id, line.product_id, -line.quantity, "sale", order_id)


def _advance_status(cursor: Cursor, order_ids: Sequence[int], status: OrderStatus) -> list[OpenOrder]:
    """Set the status of those of the orders that have the preceding status. Return these orders by number."""
    cursor.execute(
        "update orders set status = %s where order_id = any(%s) and status = %s returning order_id, placed_at",
        (status.value, list(order_ids), _BEFORE[status].value),
    )
    return [OpenOrder(order_id, placed_at, status) for order_id, placed_at in sorted(cursor.fetchall())]
