"""The times of events: arrivals that follow the hours of the day and the days of the week; a queue by time."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Generic, TypeVar

from postgres.shop.chance import Weighted

MICROSECOND = timedelta(microseconds=1)
Event = TypeVar("Event")
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Relative intensity by hour of the day (24 numbers, UTC) and by weekday (7 numbers, Monday first).

    Only the proportions count.
    """

    hours: tuple[float, ...]
    weekdays: tuple[float, ...]

    def intensity(self, at: datetime) -> float:
        """Return the intensity in the hour of `at` (UTC). 1.0 is the average of a week."""
        hours, weekdays = self.hours, self.weekdays
        mean = (sum(hours) / len(hours)) * (sum(weekdays) / len(weekdays))
        return hours[at.hour] * weekdays[at.weekday()] / mean


# A web shop for Europe: low at night, a hump at lunch, the peak in the evening; Sunday and Monday are strong.
SHOPPING = Rhythm(
    hours=(
        *(1.5, 0.9, 0.6, 0.5, 0.6, 1.2),
        *(2.4, 3.6, 4.6, 5.2, 5.6, 6.0),
        *(5.6, 5.0, 4.8, 5.0, 5.4, 6.2),
        *(7.4, 8.4, 8.6, 7.0, 4.8, 2.8),
    ),
    weekdays=(1.06, 1.0, 0.98, 0.97, 0.95, 0.94, 1.1),
)
# Work done by the shop's staff.
OFFICE = Rhythm(hours=(0.0,) * 7 + (1.0,) * 11 + (0.0,) * 6, weekdays=(1.0,) * 7)


def arrivals(rng: Random, start: datetime, end: datetime, per_day: float, rhythm: Rhythm) -> list[datetime]:
    """Return times in (start, end], ascending, at `per_day` on the average day of the rhythm's week.

    Their number is the expected number, rounded up or down at random, so that many short spans give the right total. A
    day varies only by its weekday. `start` and `end` are UTC.
    """
    slices = list(_hours_between(start, end))
    weights = [rhythm.intensity(begin) * ((until - begin) / _DAY) for begin, until in slices]
    hour = Weighted(slices, weights)
    count = int(per_day * hour.total + rng.random())
    return sorted(_instant(rng, *hour.draw(rng)) for _ in range(count))


def _instant(rng: Random, begin: datetime, until: datetime) -> datetime:
    return begin + rng.randint(1, (until - begin) // MICROSECOND) * MICROSECOND


def _hours_between(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    begin = start
    while begin < end:
        until = min(begin.replace(minute=0, second=0, microsecond=0) + _HOUR, end)
        yield begin, until
        begin = until


class Timeline(Generic[Event]):
    """A queue by time. Events with the same time leave it in the order in which they were added."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Event]] = []
        self._pushed = 0

    def push(self, at: datetime, event: Event) -> None:
        """Add an event. While `until` runs, it must not lie before the event yielded last."""
        heapq.heappush(self._heap, (at, self._pushed, event))
        self._pushed += 1

    def until(self, end: datetime) -> Iterator[tuple[datetime, Event]]:
        """Remove and yield every event up to and including `end`, also those that are added in the meantime."""
        while self._heap and self._heap[0][0] <= end:
            at, _, event = heapq.heappop(self._heap)
            yield at, event
