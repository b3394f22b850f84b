"""Customers: their addresses, their consent, and the choice of an orderer."""

from random import Random

# The provider makes its mailing list by the same rule (NO_CONSENT_ENDINGS in its settings).
_NO_CONSENT_ENDINGS = "370"

# Every eighth customer is a regular. Regulars place this share of the orders in addition to their ordinary share.
_REGULAR_EVERY = 8
_REGULARS_SHARE = 0.35


def email_address(customer_id: int) -> str:
    """Return a customer's address: `shopper00042@mail.example`. The number has at least five digits."""
    return f"shopper{customer_id:05d}@mail.example"


def gives_consent(customer_id: int) -> bool:
    """Return whether a customer agrees to campaigns at the sign-up. Seven of ten do; it depends only on the number."""
    return str(customer_id)[-1] not in _NO_CONSENT_ENDINGS


def draw_customer_number(rng: Random, highest: int) -> int:
    """Return the number in [1, highest] of a customer who orders now. Regulars are chosen more often."""
    number = rng.randint(1, highest)
    if rng.random() < _REGULARS_SHARE:
        number = max(number - number % _REGULAR_EVERY, 1)
    return number
