"""The present, defined in one place."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present in UTC without a zone, in the form of the marts' times."""
    return datetime.now(UTC).replace(tzinfo=None)
