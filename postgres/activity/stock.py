"""Changes of stock, which only this module makes; deliveries and cycle counts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from postgres.activity.report import ActivityReport
from postgres.activity.simulation import Simulation
from postgres.shop import replenishment


@dataclass(frozen=True, slots=True)
class Move:
    """A change of stock by `quantity` units (signed), for a reason as in stock_movements.reason."""

    warehouse_id: int
    product_id: int
    quantity: int
    reason: str
    order_id: int | None = None


def move_stock(cursor: Cursor, moves: Sequence[Move], at: datetime) -> None:
    """Change stock levels and write the movements, so that levels stay the sum of their movements.

    Raises RuntimeError if a pair has no stock level, psycopg2.errors.CheckViolation if a level would become negative.
    """
    if not moves:
        return
    changes: Counter[tuple[int, int]] = Counter()
    for move in moves:
        changes[move.warehouse_id, move.product_id] += move.quantity
    changed = execute_values(
        cursor,
        """
        update stock_levels set on_hand = stock_levels.on_hand + change.quantity
        from (values %s) as change (warehouse_id, product_id, quantity)
        where stock_levels.warehouse_id = change.warehouse_id and stock_levels.product_id = change.product_id
        returning 1
        """,
        [(*pair, quantity) for pair, quantity in sorted(changes.items())],
        page_size=len(changes),
        fetch=True,
    )
    if len(changed) != len(changes):
        raise RuntimeError(f"{len(changes) - len(changed)} of the pairs {sorted(changes)} have no stock level")
    execute_values(
        cursor,
        "insert into stock_movements (warehouse_id, product_id, quantity, reason, order_id, moved_at) values %s",
        [(m.warehouse_id, m.product_id, m.quantity, m.reason, m.order_id, at) for m in moves],
        page_size=len(moves),
    )


def deliver(simulation: Simulation, warehouse_id: int, cursor: Cursor, at: datetime) -> ActivityReport:
    """Deliver to a warehouse: fill up every active product that is below its reorder point."""
    cursor.execute(
        """
        select stock_levels.product_id, on_hand, reorder_point
        from stock_levels join products using (product_id)
        where warehouse_id = %s and on_hand < reorder_point and is_active
        order by stock_levels.product_id
        for update of stock_levels
        """,
        (warehouse_id,),
    )
    moves = [
        Move(warehouse_id, product_id, replenishment.order_up_to(reorder_point) - on_hand, "restock")
        for product_id, on_hand, reorder_point in cursor
    ]
    move_stock(cursor, moves, at)
    return ActivityReport(restocks=len(moves))


def count_shelves(simulation: Simulation, cursor: Cursor, at: datetime) -> ActivityReport:
    """Make a cycle count in one warehouse: find some levels wrong, and correct them."""
    rng = simulation.rng
    warehouse_id = rng.choice(simulation.depots).warehouse_id
    products = simulation.assortment.sample(rng, replenishment.PAIRS_PER_COUNT)
    differences = {product_id: replenishment.draw_count_difference(rng) for product_id in products}
    cursor.execute(
        """
        select product_id, on_hand from stock_levels
        where warehouse_id = %s and product_id = any(%s)
        order by product_id
        for update
        """,
        (warehouse_id, products),
    )
    moves = [
        Move(warehouse_id, product_id, differences[product_id], "adjustment")
        for product_id, on_hand in cursor
        if on_hand + differences[product_id] >= 0
    ]
    move_stock(cursor, moves, at)
    return ActivityReport(adjustments=len(moves))
