"""Lossless widenings of a column's type: one rule for sources, for RAW tables and for files.

A source's type is wider where every value of the old type is the same value of the new one, so that rows landed
before the change need not be landed again. If a column lands as text, its values must print alike as well.
`character(n)` is never widened: its blanks change.
"""

from __future__ import annotations

from ingest.contracts.types import Kind, LandingType, SourceType, landing_type
from ingest.errors import ContractError

_INTEGERS = ("smallint", "integer", "bigint")
_INTEGER_KINDS = (Kind.INT16, Kind.INT32, Kind.INT64)
_UNBOUNDED_TEXT = ("text", "character varying")
_WITH_LENGTH = frozenset(
    {
        "character varying",
        "bit varying",
        "time without time zone",
        "time with time zone",
        "timestamp without time zone",
        "timestamp with time zone",
        "interval",
    }
)
"""Types whose one argument is a maximum; without it, they hold whatever Postgres holds."""


def landing_widens(narrow: LandingType, wide: LandingType) -> bool:
    """Return whether `wide` holds every value of `narrow` unchanged. Equal types widen each other."""
    if narrow == wide:
        return True
    if narrow.kind in _INTEGER_KINDS and wide.kind in _INTEGER_KINDS:
        return _INTEGER_KINDS.index(narrow.kind) < _INTEGER_KINDS.index(wide.kind)
    if narrow.kind is Kind.DECIMAL and wide.kind is Kind.DECIMAL:
        return _digits_widen(_digits(narrow), _digits(wide))
    return (narrow.kind, wide.kind) == (Kind.FLOAT32, Kind.FLOAT64)


def widened_landing(old_type: str, old_landing: LandingType, new_type: str) -> LandingType | None:
    """Return the landing type of a column after the source widened it; None if the change is no lossless widening.

    A column that its contract lands as text stays text.
    """
    old, new = SourceType.parse(old_type), SourceType.parse(new_type)
    as_text = old_landing.kind is Kind.TEXT
    if old.array != new.array or not _source_widens(old, new, prints_alike=as_text):
        return None
    if as_text:
        return old_landing
    try:
        landing = landing_type(new_type)
    except ContractError:
        return None
    return landing if landing_widens(old_landing, landing) else None


def _source_widens(old: SourceType, new: SourceType, *, prints_alike: bool) -> bool:
    if old.name in _INTEGERS and new.name in _INTEGERS:
        return _INTEGERS.index(old.name) < _INTEGERS.index(new.name)
    if old.name == "numeric" and new.name == "numeric":
        return _numeric_widens(old, new, prints_alike=prints_alike)
    if (old.name, new.name) == ("real", "double precision"):
        return not prints_alike
    if old.name in (*_UNBOUNDED_TEXT, "name") and new.name in _UNBOUNDED_TEXT and not new.args:
        return True
    if (old.name, new.name) == ("bit", "bit varying"):
        return _at_least(new.args, old.args or ("1",))
    return old.name == new.name and old.name in _WITH_LENGTH and _at_least(new.args, old.args)


def _numeric_widens(old: SourceType, new: SourceType, *, prints_alike: bool) -> bool:
    if not old.args or not new.args:
        return bool(old.args)
    old_digits, new_digits = _arguments(old), _arguments(new)
    if prints_alike and old_digits[1] != new_digits[1]:
        return False
    return _digits_widen(old_digits, new_digits)


def _at_least(new: tuple[str, ...], old: tuple[str, ...]) -> bool:
    return not new or (bool(old) and int(new[0]) >= int(old[0]))


def _arguments(source: SourceType) -> tuple[int, int]:
    precision, scale = (*source.args, "0")[:2]
    return int(precision), int(scale)


def _digits(landing: LandingType) -> tuple[int, int]:
    return landing.precision or 0, landing.scale or 0


def _digits_widen(old: tuple[int, int], new: tuple[int, int]) -> bool:
    """Return whether the new precision and scale have no fewer digits before the point, and no fewer after it."""
    return new[1] >= old[1] and new[0] - new[1] >= old[0] - old[1]
