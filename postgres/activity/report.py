"""The report of an advance of the shop."""

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class ActivityReport:
    """The counts of an advance's events.

    Reports can be added. Tuples hold the keys concerned, in order of business time.
    """

    transactions: int = 0
    orders_placed: int = 0
    order_lines: int = 0
    lines_without_stock: int = 0
    orders_shipped: int = 0
    orders_delivered: int = 0
    orders_cancelled: int = 0
    restocks: int = 0
    adjustments: int = 0
    customers_signed_up: int = 0
    consents_changed: int = 0
    customers_erased: tuple[int, ...] = ()
    prices_changed: tuple[int, ...] = ()
    products_announced: tuple[int, ...] = ()
    products_launched: tuple[int, ...] = ()
    products_discontinued: tuple[int, ...] = ()
    products_deleted: tuple[int, ...] = ()

    def __add__(self, other: "ActivityReport") -> "ActivityReport":
        return ActivityReport(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        )

    def counts(self) -> Iterator[tuple[str, int]]:
        """Yield name and number of each kind of event."""
        for field in fields(self):
            value = getattr(self, field.name)
            yield field.name, len(value) if isinstance(value, tuple) else value


NOTHING = ActivityReport()
