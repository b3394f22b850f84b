"""Times as whole microseconds since the Unix epoch, and their text in the API.

Integers order, add and bisect exactly and cheaply; text is made only at the edge. The API's text is RFC 3339
in UTC with exactly six fraction digits and ``Z``, so that it also sorts as text.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

MICROSECONDS = 1_000_000
MINUTE_US = 60 * MICROSECONDS
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)


def to_us(moment: datetime) -> int:
    """Return the microseconds since the Unix epoch of an aware datetime."""
    return (moment - _UNIX_EPOCH) // _MICROSECOND


def parse_rfc3339(text: str) -> int:
    """Return microseconds since the Unix epoch of an RFC 3339 timestamp with an offset and at most six fraction digits.

    Raises:
        ValueError: the text is no such timestamp, or no such moment exists in the years 1 to 9999 (UTC).
    """
    if not _RFC3339.fullmatch(text):
        # A "+" of an offset that is not percent-encoded in a query arrives as a space: the commonest mistake here.
        hint = " (write the + of an offset as %2B in a URL)" if " " in text else ""
        raise ValueError(f"not an RFC 3339 timestamp with an offset, such as 2025-01-31T08:00:00.000000Z{hint}")
    try:
        return to_us(datetime.fromisoformat(text.upper()).astimezone(UTC))
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999 (UTC)") from error


def format_us(us: int) -> str:
    """Return microseconds since the Unix epoch as text such as ``2025-01-31T08:00:00.000000Z``."""
    second, fraction = divmod(us, MICROSECONDS)
    return f"{_format_second(second)}{fraction:06d}Z"


@lru_cache(maxsize=65_536)
def _format_second(second: int) -> str:
    # Not strftime, which does not pad years before 1000.
    return (_UNIX_EPOCH + timedelta(seconds=second)).replace(tzinfo=None).isoformat() + "."
