"""The stock in memory while history is written: every change is a movement, and levels are the sum of movements."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from postgres.shop.rows import StockLevel, StockMovement


@dataclass(slots=True)
class _Level:
    on_hand: int
    reorder_point: int
    created_at: datetime
    updated_at: datetime


class StockBook:
    """Stock levels by product and warehouse. Movements are numbered from 1 in the order in which they are made."""

    def __init__(self) -> None:
        self._levels: dict[int, dict[int, _Level]] = {}
        self._low: defaultdict[int, set[int]] = defaultdict(set)
        self._moved = 0

    @property
    def movements(self) -> int:
        """The number of movements made."""
        return self._moved

    def open(self, warehouse_id: int, product_id: int, reorder_point: int, at: datetime) -> None:
        """Add an empty pair. It does not count as low before its first movement."""
        self._levels.setdefault(product_id, {})[warehouse_id] = _Level(0, reorder_point, at, at)

    def on_hand(self, product_id: int) -> dict[int, int]:
        """Return units of a product by warehouse."""
        return {warehouse_id: level.on_hand for warehouse_id, level in self._levels[product_id].items()}

    def reorder_point(self, warehouse_id: int, product_id: int) -> int:
        """Return the stock below which the pair is low."""
        return self._levels[product_id][warehouse_id].reorder_point

    def low(self, warehouse_id: int) -> list[int]:
        """Return products below their reorder point in a warehouse, ascending."""
        return sorted(self._low[warehouse_id])

    def move(
        self,
        warehouse_id: int,
        product_id: int,
        quantity: int,
        reason: str,
        at: datetime,
        order_id: int | None = None,
    ) -> StockMovement:
        """Change a level and return the movement. Raises ValueError if the stock would become negative."""
        level = self._levels[product_id][warehouse_id]
        if level.on_hand + quantity < 0:
            raise ValueError(f"warehouse {warehouse_id} has {level.on_hand} of product {product_id}: {quantity}")
        level.on_hand += quantity
        level.updated_at = at
        self._note_low(warehouse_id, product_id, level)
        self._moved += 1
        return StockMovement(self._moved, warehouse_id, product_id, quantity, reason, order_id, at, at)

    def rows(self) -> Iterator[StockLevel]:
        """Yield every pair, by warehouse and product."""
        pairs = ((warehouse, product) for product, levels in self._levels.items() for warehouse in levels)
        for warehouse_id, product_id in sorted(pairs):
            level = self._levels[product_id][warehouse_id]
            yield StockLevel(
                warehouse_id, product_id, level.on_hand, level.reorder_point, level.created_at, level.updated_at
            )

    def _note_low(self, warehouse_id: int, product_id: int, level: _Level) -> None:
        if level.on_hand < level.reorder_point:
            self._low[warehouse_id].add(product_id)
        else:
            self._low[warehouse_id].discard(product_id)
