"""Fulfilment: the choice of the warehouse that ships each line of a basket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postgres.shop.basket import BasketLine


@dataclass(frozen=True, slots=True)
class Allocation:
    """A line of a basket and the warehouse that ships it."""

    line: BasketLine
    warehouse_id: int


def allocate(
    basket: Sequence[BasketLine], home: int | None, on_hand: Mapping[int, Mapping[int, int]]
) -> list[Allocation]:
    """Give every line a warehouse. Lines that no warehouse can ship completely are left out.

    `home` is the customer's own warehouse. `on_hand` maps product to warehouse to units; a product that it lacks is out
    of stock. Lines are for different products, so they do not compete for stock.
    """
    chosen = ((line, choose_warehouse(home, on_hand.get(line.product_id, {}), line.quantity)) for line in basket)
    return [Allocation(line, warehouse_id) for line, warehouse_id in chosen if warehouse_id is not None]


def choose_warehouse(home: int | None, on_hand: Mapping[int, int], quantity: int) -> int | None:
    """Return the warehouse that ships `quantity` units: the customer's own, else the one with most units.

    Return None if none has enough. `on_hand` maps warehouse to units; of equal ones the lowest number wins.
    """
    if home is not None and on_hand.get(home, 0) >= quantity:
        return home
    fullest = max(on_hand, key=lambda warehouse_id: (on_hand[warehouse_id], -warehouse_id), default=None)
    return fullest if fullest is not None and on_hand[fullest] >= quantity else None
