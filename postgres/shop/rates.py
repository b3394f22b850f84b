"""Rates of events, in proportion to the shop's size, per day of business time."""

from dataclasses import dataclass

# The size of a shop at scale 1, to which the figures below refer.
PRODUCTS = 500
CUSTOMERS = 5_000
HISTORY_DAYS = 90
HISTORY_ORDERS = 20_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Events per day. At scale 1: 222 orders, 12 sign-ups, 15 price changes and so on."""

    orders: float
    sign_ups: float
    erasures: float
    consent_changes: float
    price_changes: float
    announcements: float
    launches: float
    discontinuations: float
    product_deletions: float
    cycle_counts: float

    @classmethod
    def of(cls, *, customers: float, products: float) -> "Rates":
        """Return the rates of a shop with that many customers and products."""
        customer_scale, product_scale = customers / CUSTOMERS, products / PRODUCTS
        return cls(
            orders=HISTORY_ORDERS / HISTORY_DAYS * customer_scale,
            sign_ups=12 * customer_scale,
            erasures=4 * customer_scale,
            consent_changes=9 * customer_scale,
            price_changes=15 * product_scale,
            announcements=2 * product_scale,
            launches=1.1 * product_scale,
            discontinuations=1.2 * product_scale,
            product_deletions=0.9 * product_scale,
            cycle_counts=14 * product_scale,
        )
