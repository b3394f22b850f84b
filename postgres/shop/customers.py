"""Customers: their addresses, and which of them orders."""

from random import Random

# The provider's mailing list is made by the same rule (NO_CONSENT_ENDINGS in its settings).
_NO_CONSENT_ENDINGS = "370"

# Every eighth customer is a regular; together they place this share of the orders on top of their own.
_REGULAR_EVERY = 8
_REGULARS_SHARE = 0.35


def email_address(customer_id: int) -> str:
    """The address of a customer: `shopper00042@mail.example`, the number of five digits at least."""
    return f"shopper{customer_id:05d}@mail.example"


def gives_consent(customer_id: int) -> bool:
    """Whether a customer agrees to campaigns at the sign-up: seven of ten do, a lasting trait of the number."""
    return str(customer_id)[-1] not in _NO_CONSENT_ENDINGS


def draw_customer_number(rng: Random, highest: int) -> int:
    """The number in [1, highest] of a customer who orders now; regulars come up more often."""
    number = rng.randint(1, highest)
    if rng.random() < _REGULARS_SHARE:
        number = max(number - number % _REGULAR_EVERY, 1)
    return number
