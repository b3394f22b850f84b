"""Visits to the shop's web pages by links in e-mails, as its web server sees them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Visit:
    """A customer with this address followed a link to a product's page at a business time (UTC)."""

    at: datetime
    email: str
    sku: str


class Visits(Protocol):
    """Where visits are known. What it says of a span never changes."""

    def between(self, start: datetime, end: datetime) -> Iterable[Visit]:
        """The visits in [start, end), in order."""


class NoVisits:
    """Nobody comes by a link: a shop without campaigns."""

    def between(self, start: datetime, end: datetime) -> Iterable[Visit]:
        """None at all."""
        return ()


NO_VISITS = NoVisits()
