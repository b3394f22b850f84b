"""Customers: their addresses, and which of them orders."""

from random import Random

# Every eighth customer is a regular; together they place this share of the orders on top of their own.
_REGULAR_EVERY = 8
_REGULARS_SHARE = 0.35


def email_address(customer_id: int) -> str:
    """The address of a customer: `shopper00042@mail.example`, the number of five digits at least."""
    return f"shopper{customer_id:05d}@mail.example"


def draw_customer_number(rng: Random, highest: int) -> int:
    """The number in [1, highest] of a customer who orders now; regulars come up more often."""
    number = rng.randint(1, highest)
    if rng.random() < _REGULARS_SHARE:
        number = max(number - number % _REGULAR_EVERY, 1)
    return number
