"""The one parser of moments in records: RFC 3339, in the years 1 to 9999 of UTC, to the microsecond.

The envelope lands the moments that it reads. Staging parses a moment that stays in the payload, and must read the same
value, so such a moment is checked here too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

# RFC 3339, section 5.6: `t` and `z` may be of either case. At most microseconds, because a lake timestamp would round
# further digits.
PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
# A narrower pattern for whole columns: spellings that Arrow and Python surely read alike. Other spellings, and years
# far away, are read one by one.
_USUAL = r"^[12]\d{3}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$"


def utc(text: str) -> datetime:
    """Return the moment in UTC.

    Raises ValueError for any text in another form, and for a moment outside the years 1 to 9999 in UTC.
    """
    if not re.fullmatch(PATTERN.removesuffix("$"), text):
        raise ValueError("not an RFC 3339 time with an offset and at most microseconds")
    moment = datetime.fromisoformat(text.upper())
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range: in UTC it is not in the years 1 to 9999") from None


def utc_column(texts: Sequence[str | None]) -> pa.Array:
    """Parse a column of moments; None stays null. Raises ValueError if a text has an unusual spelling or is no
    moment.
    """
    column = pa.array(texts, type=pa.string())
    if not _are_like_the_first(column):
        usual = pc.match_substring_regex(column, _USUAL)
        if not pc.all(usual, min_count=0).as_py():
            raise ValueError("a moment is spelt in an unusual way")
    return pc.ascii_upper(column).cast(pa.timestamp("us", tz="UTC"))


def _are_like_the_first(column: pa.Array) -> bool:
    """Return whether the first text is a usual spelling in UTC, and all others have its length and its non-digits.

    Arrow checks that all other characters are digits. That takes a tenth of the time of a pattern for each text.
    """
    if not len(column) or column.null_count:
        return False
    first: str = column[0].as_py()
    if not re.fullmatch(_USUAL, first) or first[-1] not in "Zz":
        return False
    width = len(first)
    if set(pc.min_max(pc.binary_length(column)).as_py().values()) != {width}:
        return False
    whole = column.buffers()[2].to_pybytes()[: width * len(column)]  # the array is not a slice of another one
    marks = [(at, mark.encode()) for at, mark in enumerate(first) if not mark.isdigit()]
    return not whole[::width].strip(b"12") and all(whole[at::width] == mark * len(column) for at, mark in marks)
