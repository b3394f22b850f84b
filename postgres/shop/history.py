"""The shop's history: orders and stock movements of the 90 days before `business_now`, day by day."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random

from postgres.shop import rates, replenishment
from postgres.shop.basket import BasketLine, draw_basket, expected_units
from postgres.shop.catalogue import Assortment, line_total
from postgres.shop.customers import draw_customer_number
from postgres.shop.fulfilment import Allocation, allocate
from postgres.shop.lifecycle import OrderStatus, Step, steps_before
from postgres.shop.master_data import is_launched
from postgres.shop.rates import Rates
from postgres.shop.response import Purchase, purchases
from postgres.shop.rhythm import MICROSECOND, OFFICE, SHOPPING, Timeline, arrivals
from postgres.shop.rows import Customer, Order, OrderItem, Product, StockLevel, StockMovement, Warehouse
from postgres.shop.stock_book import StockBook
from postgres.shop.visits import NO_VISITS, Visits
from postgres.shop.world import demand_share, home_site

_DAY = timedelta(days=1)
_STOCKED_BEFORE_START = timedelta(days=7)

Event = Callable[[datetime], None]


@dataclass(slots=True)
class Batch:
    """Rows written in one stretch of time. Orders come before rows that refer to them."""

    orders: list[Order] = field(default_factory=list)
    order_items: list[OrderItem] = field(default_factory=list)
    movements: list[StockMovement] = field(default_factory=list)


class ShopHistory:
    """A simulation of 90 days of the shop in memory, by the rules that `activity` later follows in the database.

    Rows are numbered in the order of their business times, which are also their created_at and updated_at. All lie
    before `business_now`.
    """

    def __init__(
        self,
        rng: Random,
        *,
        products: Sequence[Product],
        warehouses: Sequence[Warehouse],
        customers: Sequence[Customer],
        business_now: datetime,
        visits: Visits = NO_VISITS,
    ) -> None:
        self._rng = rng
        self._products = {product.product_id: product for product in products}
        self._warehouses = warehouses
        self._warehouse_ids = {warehouse.code: warehouse.warehouse_id for warehouse in warehouses}
        self._customers = customers
        self._signed_up = [customer.signed_up_at for customer in customers]
        self._by_email = {customer.email: customer for customer in customers}
        self._by_sku = {product.sku: product.product_id for product in products}
        self._business_now = business_now
        self._start = business_now - timedelta(days=rates.HISTORY_DAYS)
        self._rates = Rates.of(customers=len(customers), products=len(products))
        launched = [product.product_id for product in products if is_launched(product, business_now)]
        self._assortment = Assortment(launched)
        self._stock = StockBook()
        self._timeline: Timeline[Event] = Timeline()
        self._batch = Batch()
        self._orders = 0
        self._order_items = 0
        self._open_pairs()
        for purchase in purchases(visits, self._start, business_now - MICROSECOND):
            self._timeline.push(purchase.at, partial(self._respond, purchase))

    def batches(self) -> Iterator[Batch]:
        """Yield the first stocking, then a batch for each day. Exhaust it once, before `stock_levels`."""
        yield self._played_until(self._start)
        last = self._business_now - MICROSECOND
        begin = self._start
        while begin < last:
            end = min(begin + _DAY, last)
            self._plan(begin, end)
            yield self._played_until(end)
            begin = end

    def stock_levels(self) -> Iterator[StockLevel]:
        """Yield the levels at `business_now`, after every batch has been taken."""
        return self._stock.rows()

    def _open_pairs(self) -> None:
        on_sale = set(self._assortment)
        for product_id, product in self._products.items():
            for warehouse in self._warehouses:
                if product_id in on_sale:
                    point = replenishment.reorder_point(self._units_per_day(product_id, warehouse))
                    at = self._start - self._rng.randrange(_STOCKED_BEFORE_START // MICROSECOND) * MICROSECOND
                    self._stock.open(warehouse.warehouse_id, product_id, point, at)
                    self._timeline.push(at, partial(self._stock_first, warehouse.warehouse_id, product_id))
                else:
                    self._stock.open(warehouse.warehouse_id, product_id, 0, product.created_at)

    def _units_per_day(self, product_id: int, warehouse: Warehouse) -> float:
        units = expected_units(self._rates.orders)
        return units * self._assortment.share(product_id) * demand_share(warehouse.code)

    def _plan(self, begin: datetime, end: datetime) -> None:
        for at in arrivals(self._rng, begin, end, self._rates.orders, SHOPPING):
            self._timeline.push(at, self._place_order)
        for at in arrivals(self._rng, begin, end, self._rates.cycle_counts, OFFICE):
            self._timeline.push(at, self._count_shelves)
        for warehouse in self._warehouses:
            for at in replenishment.deliveries(warehouse.warehouse_id, begin, end):
                self._timeline.push(at, partial(self._deliver, warehouse.warehouse_id))

    def _played_until(self, end: datetime) -> Batch:
        self._batch = Batch()
        for at, event in self._timeline.until(end):
            event(at)
        return self._batch

    def _stock_first(self, warehouse_id: int, product_id: int, at: datetime) -> None:
        quantity = replenishment.first_stock(self._stock.reorder_point(warehouse_id, product_id))
        self._move(warehouse_id, product_id, quantity, "initial", at)

    def _deliver(self, warehouse_id: int, at: datetime) -> None:
        for product_id in self._stock.low(warehouse_id):
            target = replenishment.order_up_to(self._stock.reorder_point(warehouse_id, product_id))
            missing = target - self._stock.on_hand(product_id)[warehouse_id]
            self._move(warehouse_id, product_id, missing, "restock", at)

    def _count_shelves(self, at: datetime) -> None:
        warehouse_id = self._rng.choice(self._warehouses).warehouse_id
        for product_id in self._assortment.sample(self._rng, replenishment.PAIRS_PER_COUNT):
            difference = replenishment.draw_count_difference(self._rng)
            if self._stock.on_hand(product_id)[warehouse_id] + difference >= 0:
                self._move(warehouse_id, product_id, difference, "adjustment", at)

    def _place_order(self, at: datetime) -> None:
        self._sell(self._draw_customer(at), draw_basket(self._rng, self._assortment), at)

    def _respond(self, purchase: Purchase, at: datetime) -> None:
        customer = self._by_email.get(purchase.email)
        if customer is None or customer.signed_up_at > at:
            return
        wanted = self._by_sku.get(purchase.sku) if purchase.sku else None
        self._sell(customer, draw_basket(purchase.rng, self._assortment, wanted), at)

    def _sell(self, customer: Customer, basket: Sequence[BasketLine], at: datetime) -> None:
        on_hand = {line.product_id: self._stock.on_hand(line.product_id) for line in basket}
        allocations = allocate(basket, self._home_of(customer), on_hand)
        if not allocations:
            return
        self._orders += 1
        order_id = self._orders
        items = [
            self._order_item(order_id, number, allocation, at) for number, allocation in enumerate(allocations, start=1)
        ]
        for item in items:
            self._move(item.warehouse_id, item.product_id, -item.quantity, "sale", at, order_id)
        last = self._last_step(order_id, at)
        if last.status is OrderStatus.CANCELLED:
            self._timeline.push(last.at, partial(self._return_items, items))
        total = sum((item.line_total for item in items), Decimal(0))
        self._batch.orders.append(
            Order(order_id, customer.customer_id, last.status.value, "EUR", total, at, at, last.at)
        )
        self._batch.order_items.extend(items)

    def _draw_customer(self, at: datetime) -> Customer:
        signed_up = bisect_right(self._signed_up, at)
        return self._customers[draw_customer_number(self._rng, signed_up) - 1]

    def _home_of(self, customer: Customer) -> int | None:
        code = home_site(customer.country)
        return self._warehouse_ids[code] if code else None

    def _order_item(self, order_id: int, line_number: int, allocation: Allocation, at: datetime) -> OrderItem:
        self._order_items += 1
        line = allocation.line
        price = self._products[line.product_id].price
        return OrderItem(
            order_item_id=self._order_items,
            order_id=order_id,
            line_number=line_number,
            product_id=line.product_id,
            warehouse_id=allocation.warehouse_id,
            quantity=line.quantity,
            unit_price=price,
            discount_rate=line.discount_rate,
            line_total=line_total(line.quantity, price, line.discount_rate),
            created_at=at,
            updated_at=at,
        )

    def _last_step(self, order_id: int, placed_at: datetime) -> Step:
        *_, last = (Step(OrderStatus.PLACED, placed_at), *steps_before(order_id, placed_at, self._business_now))
        return last

    def _return_items(self, items: Sequence[OrderItem], at: datetime) -> None:
        for item in items:
            self._move(item.warehouse_id, item.product_id, item.quantity, "cancellation", at, item.order_id)

    def _move(
        self,
        warehouse_id: int,
        product_id: int,
        quantity: int,
        reason: str,
        at: datetime,
        order_id: int | None = None,
    ) -> None:
        movement = self._stock.move(warehouse_id, product_id, quantity, reason, at, order_id)
        self._batch.movements.append(movement)
