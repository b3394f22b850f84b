"""The business's activity between two runs: busy hours, quiet nights, a quieter weekend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

QUARTER = timedelta(minutes=15)
RUNS_A_DAY = 24 * 4
RUNS_A_WEEK = 7 * RUNS_A_DAY
CADENCES = (96, 24, 4, 1)
"""Numbers of runs a day that are looked at: what they would have found is known from these runs."""
FIRST = datetime(2026, 6, 15, tzinfo=UTC)
"""A Monday. Nothing depends on which."""
_SATURDAY = 5
_NOON = 12
_STANDS = timedelta(0)


@dataclass(frozen=True)
class Quarter:
    """A run at the moment `at`, and the spans by which the shop and the provider advance before it.

    At night both stand still, and the first run of a morning brings all of the night's activity. `is_whole` marks the
    one run a day that builds everything. That run and the one at noon look for deletions.
    """

    at: datetime
    shop: timedelta
    provider: timedelta
    is_whole: bool
    looks_for_deletions: bool


def week(runs: int = RUNS_A_WEEK, runs_a_day: int = RUNS_A_DAY) -> Iterator[Quarter]:
    """Yield the runs after FIRST, in order. The fewer runs a day, the more each of them brings."""
    every = timedelta(days=1) / runs_a_day
    shop_at = provider_at = FIRST
    for number in range(1, runs + 1):
        at = FIRST + number * every
        shop, provider = (at - since if wakes else _STANDS for since, wakes in _awake(at, every, shop_at, provider_at))
        shop_at, provider_at = shop_at + shop, provider_at + provider
        midnight = at.hour == at.minute == 0
        yield Quarter(at, shop, provider, midnight, midnight or (at.hour, at.minute) == (_NOON, 0))


def _awake(
    at: datetime, every: timedelta, shop_at: datetime, provider_at: datetime
) -> tuple[tuple[datetime, bool], ...]:
    """Return for each of both since when it has stood still, and whether it advances before a run.

    Mail is sent from 6 o'clock on, and orders come from 8 to 22. On Saturdays and Sundays something happens once an
    hour, from 9 to 20.
    """
    began = at - every
    if began.weekday() >= _SATURDAY:
        wakes = at.minute == 0 and 9 <= at.hour <= 20
        return (shop_at, wakes), (provider_at, wakes)
    return (shop_at, 8 <= began.hour < 22), (provider_at, 6 <= began.hour < 20)


def share_of_idle(idle: Sequence[bool], cadence: int, runs_a_day: int = RUNS_A_DAY) -> float:
    """Return the share of runs that would have found nothing if there had been `cadence` runs a day.

    `idle` says for each run of the week whether it found nothing. If there were fewer runs a day, all of them count.
    """
    each = max(runs_a_day // cadence, 1)
    spans = [all(idle[first : first + each]) for first in range(0, len(idle), each)]
    return sum(spans) / len(spans)
