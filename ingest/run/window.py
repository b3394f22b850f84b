"""Parses windows of time: one rule for command lines, forms and flows.

A window is two moments, or none. A moment without a zone is UTC in all of them.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.errors import ConfigurationError

MOMENT_PATTERN = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?$"
"""What a form takes for a moment, as a regular expression of JSON Schema: a part of what `moment` reads."""

FLOW_NAMES = ("backfill_from", "backfill_to")
"""What the flows call the two moments."""

Bounds = tuple[datetime, datetime]


def moment(given: str | datetime, name: str) -> datetime:
    """Return `given`, an ISO 8601 text or a datetime, as a moment in UTC. Raises ConfigurationError that names
    `name`.
    """
    try:
        value = datetime.fromisoformat(given.strip()) if isinstance(given, str) else given
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{name} is '{given}', which is not an ISO 8601 moment such as 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None


def window(
    start: str | datetime | None,
    end: str | datetime | None,
    *,
    names: tuple[str, str] = FLOW_NAMES,
    stream: str | None = None,
) -> Bounds | None:
    """Return the half-open window `[start, end)` in UTC; None if both moments are None or blank.

    Raises ConfigurationError, by `names`, if only one moment is given, if a moment cannot be parsed, and if the window
    is empty.
    """
    given = [None if isinstance(value, str) and not value.strip() else value for value in (start, end)]
    if given[0] is None and given[1] is None:
        return None
    if given[0] is None or given[1] is None:
        there, absent = (names[1], names[0]) if given[0] is None else names
        raise ConfigurationError(f"{there} is given without {absent}: a window needs both", stream=stream)
    first, last = moment(given[0], names[0]), moment(given[1], names[1])
    if first >= last:
        raise ConfigurationError(f"the window is empty: {names[0]} must be before {names[1]}", stream=stream)
    return first, last


def settled_part(asked: Bounds, settled: datetime | None) -> tuple[Bounds | None, str | None]:
    """Return the part of a window that lies below `settled`, and a notice if that is not the whole window.

    If `settled` is None, nothing has settled. Above `settled` the source may still add rows, so rows landed now would
    have to be landed again.
    """
    start, end = asked
    if settled is not None and end <= settled:
        return asked, None
    until = f"the source has settled until {settled.isoformat()}" if settled else "nothing at the source has settled"
    if settled is None or settled <= start:
        return None, f"{until}, so there is nothing to land yet of {start.isoformat()} to {end.isoformat()}"
    return (start, settled), f"{until}: the window ends there, and not at {end.isoformat()}"
