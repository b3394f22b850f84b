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
    """A source of visits. Its visits of a span never change."""

    def between(self, start: datetime, end: datetime) -> Iterable[Visit]:
        """Return the visits in [start, end), in order."""


class NoVisits:
    """A source without visits, for a shop without campaigns."""

    def between(self, start: datetime, end: datetime) -> Iterable[Visit]:
        """Return no visits."""
        return ()


NO_VISITS = NoVisits()
