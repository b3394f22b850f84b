"""Foreign text in the platform's own data.

Readers of the marts see it, but must see no address and no person's name.
"""

from __future__ import annotations

import re

from common.foreign_text import harmless

LONGEST_PROBLEM = 4_000
_LONGEST = 1_000
_REFUSED_VALUE = re.compile(
    r"(could not (?:convert string|cast value)|failed to cast value|(?:numeric|boolean) value|date|time|timestamp)"
    r"""(:?\s+)(['"]).*?\3(?=\s|[.,;:)]|$)""",
    re.IGNORECASE | re.DOTALL,
)
"""The value of a row, as DuckDB and Snowflake quote it where they cannot convert it."""
_ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")


def for_readers(text: str, *, longest: int = _LONGEST) -> str:
    """Return `text` without secrets, addresses and values of refused rows, cut if it is too long."""
    plain = _ADDRESS.sub("<address>", _REFUSED_VALUE.sub(r"\1\2'<value>'", harmless(text))).strip()
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
