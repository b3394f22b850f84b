"""Others' words in the platform's own data. Readers of the marts see them, who see no address of a person."""

from __future__ import annotations

import re

from common.foreign_text import harmless

LONGEST_PROBLEM = 4_000
_LONGEST = 1_000
_ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")


def for_readers(text: str, *, longest: int = _LONGEST) -> str:
    """`text`, harmless, without what looks like an address of a person, cut where it is too long."""
    plain = _ADDRESS.sub("<address>", harmless(text)).strip()
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
