"""The business's time: the clock's time, or the fixed moment in BUSINESS_NOW."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ingest.errors import ConfigurationError

FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""The moments that the business may be run at: from the first up to the last, alike in all programs."""

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE)


def parse_moment(text: str) -> datetime | None:
    """Return an RFC 3339 timestamp, such as 2028-02-29T23:58:00Z, in UTC; None for an empty text.

    Raises ConfigurationError for any other text, and for a moment out of range.
    """
    text = text.strip()
    if not text:
        return None
    example = "Write it like 2028-02-29T23:58:00Z."
    if not _RFC3339.fullmatch(text):
        raise ConfigurationError(f"NOW is {text!r}, which is no RFC 3339 time with its zone", hint=example)
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"NOW is {text!r}, and there is no such time", hint=example) from None
    if not FIRST <= moment < LAST:
        raise ConfigurationError(f"NOW is {text!r}, out of range", hint=f"From {FIRST:%Y-%m-%d} to {LAST:%Y-%m-%d}.")
    return moment


def as_variable(moment: datetime) -> dict[str, str]:
    """Return BUSINESS_NOW in the spelling that all processes of a run can read."""
    return {"BUSINESS_NOW": moment.astimezone(UTC).isoformat().replace("+00:00", "Z")}
