"""Unique names of warehouses, used as parts of the lake's keys."""

from __future__ import annotations

import re

_OTHER = re.compile(r"[^A-Za-z0-9._-]")


def as_key(*parts: str, digest: str) -> str:
    """Return readable parts as a key, shortened and without unsafe characters. The digest makes it unique."""
    return "-".join([*(_OTHER.sub("_", part)[:60] for part in parts), digest[:16]])
