"""The present, in one place."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """In UTC and without a zone, as the marts have times."""
    return datetime.now(UTC).replace(tzinfo=None)
