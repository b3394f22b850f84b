"""Events of products: price changes, announcements, launches, discontinuations, deletions."""

import json
from datetime import datetime

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from postgres.activity.customers import next_identity
from postgres.activity.report import NOTHING, ActivityReport
from postgres.activity.simulation import Simulation
from postgres.activity.stock import Move, move_stock
from postgres.shop import replenishment
from postgres.shop.basket import expected_units
from postgres.shop.catalogue import changed_price, draw_product, sku
from postgres.shop.world import demand_share

# Most discontinued products were announced and never sold.
_ANNOUNCED_OF_DISCONTINUED = 0.75


def change_price(simulation: Simulation, cursor: Cursor, at: datetime) -> ActivityReport:
    """Change the price of a product on sale."""
    (product_id,) = simulation.assortment.sample(simulation.rng, 1)
    cursor.execute("select price from products where product_id = %s for update", (product_id,))
    ((price,),) = cursor.fetchall()
    new_price = changed_price(simulation.rng, price)
    cursor.execute("update products set price = %s where product_id = %s", (new_price, product_id))
    return ActivityReport(prices_changed=(product_id,))


def announce(simulation: Simulation, cursor: Cursor, at: datetime) -> ActivityReport:
    """Add a product to the catalogue, with an empty shelf in every warehouse."""
    draft = draw_product(simulation.rng)
    product_id = next_identity(cursor, "products", "product_id")
    cursor.execute(
        """
        insert into products (product_id, sku, name, category, price, attributes, is_active)
        overriding system value
        values (%s, %s, %s, %s, %s, %s, true)
        """,
        (
            product_id,
            sku(product_id),
            draft.name,
            draft.category,
            draft.price,
            json.dumps(draft.attributes, ensure_ascii=False),
        ),
    )
    shelves = [(depot.warehouse_id, product_id, 0, 0) for depot in simulation.depots]
    execute_values(
        cursor,
        "insert into stock_levels (warehouse_id, product_id, on_hand, reorder_point) values %s",
        shelves,
        page_size=len(shelves),
    )
    return ActivityReport(products_announced=(product_id,))


def launch(simulation: Simulation, cursor: Cursor, at: datetime) -> ActivityReport:
    """Stock an announced product and put it on sale."""
    announced = _never_stocked(cursor, is_active=True)
    if not announced:
        return NOTHING
    product_id = simulation.rng.choice(announced)
    assortment = simulation.assortment.with_product(product_id)
    units_per_day = expected_units(simulation.rates.orders) * assortment.share(product_id)
    points = {
        depot.warehouse_id: replenishment.reorder_point(units_per_day * demand_share(depot.code))
        for depot in simulation.depots
    }
    execute_values(
        cursor,
        """
        update stock_levels set reorder_point = plan.reorder_point
        from (values %s) as plan (warehouse_id, product_id, reorder_point)
        where stock_levels.warehouse_id = plan.warehouse_id and stock_levels.product_id = plan.product_id
        """,
        [(warehouse_id, product_id, point) for warehouse_id, point in sorted(points.items())],
        page_size=len(points),
    )
    moves = [
        Move(warehouse_id, product_id, replenishment.first_stock(point), "initial")
        for warehouse_id, point in sorted(points.items())
    ]
    move_stock(cursor, moves, at)
    simulation.assortment = assortment
    return ActivityReport(products_launched=(product_id,))


def discontinue(simulation: Simulation, cursor: Cursor, at: datetime) -> ActivityReport:
    """Discontinue a product, which was announced and never stocked, or on sale until now. The last product stays."""
    rng = simulation.rng
    announced = _never_stocked(cursor, is_active=True)
    if announced and rng.random() < _ANNOUNCED_OF_DISCONTINUED:
        product_id = rng.choice(announced)
    elif len(simulation.assortment) > 1:
        (product_id,) = simulation.assortment.sample(rng, 1)
    else:
        return NOTHING
    cursor.execute("update products set is_active = false where product_id = %s", (product_id,))
    simulation.assortment = simulation.assortment.without_product(product_id)
    return ActivityReport(products_discontinued=(product_id,))


def delete_discontinued(simulation: Simulation, cursor: Cursor, at: datetime) -> ActivityReport:
    """Delete a discontinued product that was never in stock, and its empty shelves."""
    deletable = _never_stocked(cursor, is_active=False)
    if not deletable:
        return NOTHING
    product_id = simulation.rng.choice(deletable)
    cursor.execute("delete from products where product_id = %s", (product_id,))
    return ActivityReport(products_deleted=(product_id,))


def _never_stocked(cursor: Cursor, *, is_active: bool) -> list[int]:
    """Return products without movements and without orders, by number."""
    cursor.execute(
        """
        select product_id from products
        where is_active = %s
          and not exists (select from stock_movements where stock_movements.product_id = products.product_id)
          and not exists (select from order_items where order_items.product_id = products.product_id)
        order by product_id
        """,
        (is_active,),
    )
    return [product_id for (product_id,) in cursor]
