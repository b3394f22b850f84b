"""The moments of the `days` campaign, each with the time zone that its programs run in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

YEARS = range(2024, 2041)
ZONES = ("Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca")
"""Zones whose clocks change: by an hour, in the other half of the year, by half an hour, and for Ramadan."""
_SECOND, _HOUR = timedelta(seconds=1), timedelta(hours=1)


@dataclass(frozen=True)
class Day:
    """A moment, in UTC, and the time zone of the programs."""

    moment: datetime
    zone: str

    def __str__(self) -> str:
        return f"{self.moment:%Y-%m-%dT%H:%M:%SZ} in {self.zone}"


FIXED = (
    Day(datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC), "America/New_York"),
    Day(datetime(2026, 12, 19, 8, 30, tzinfo=UTC), "UTC"),
    Day(datetime(2027, 1, 1, tzinfo=UTC), "Africa/Casablanca"),
    Day(datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC), "Europe/Berlin"),
    Day(datetime(2027, 10, 31, 1, 30, tzinfo=UTC), "Europe/Berlin"),
    Day(datetime(2028, 2, 29, 23, 58, tzinfo=UTC), "Australia/Lord_Howe"),
    Day(datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), "UTC"),
    Day(datetime(2040, 12, 31, 23, 59, 59, tzinfo=UTC), "America/Santiago"),
)
"""Days that are tried at every size: leap days, nights in which clocks change, ends of years, the 32-bit second."""


def days(count: int, chance: random.Random) -> list[Day]:
    """Return that many days: the fixed ones, then the special ones in random order, then random ones."""
    special = list(_special(chance))
    chance.shuffle(special)
    chosen = [*FIXED, *special][: max(count - count // 5, len(FIXED))]
    return [*chosen, *(_drawn(chance) for _ in range(count - len(chosen)))]


def _special(chance: random.Random) -> Iterator[Day]:
    for year in YEARS:
        for month in range(1, 13):
            begin = datetime(year, month, 1, tzinfo=UTC)
            for moment in (begin - _SECOND, begin):
                if moment.year in YEARS:
                    yield Day(moment, chance.choice(ZONES))
        if year % 4 == 0:
            leap_day = datetime(year, 2, 29, tzinfo=UTC)
            for hours in (0, 12, 24):
                yield Day(leap_day + hours * _HOUR, chance.choice(ZONES))
    for zone in ZONES:
        for change in _changes_of_the_clock(zone):
            for moment in (change - _SECOND, change + chance.random() * 2 * _HOUR):
                yield Day(moment.replace(microsecond=0), zone)


def _changes_of_the_clock(zone: str) -> Iterator[datetime]:
    """Yield the moments at which the zone's offset changes."""
    place = ZoneInfo(zone)
    hour, end = datetime(YEARS[0], 1, 1, tzinfo=UTC), datetime(YEARS[-1] + 1, 1, 1, tzinfo=UTC)
    offset = hour.astimezone(place).utcoffset()
    while hour < end:
        day = hour + 24 * _HOUR
        if day.astimezone(place).utcoffset() != offset:
            while hour.astimezone(place).utcoffset() == offset:
                hour += _HOUR / 2
            offset = hour.astimezone(place).utcoffset()
            yield hour
        hour = day


def _drawn(chance: random.Random) -> Day:
    begin = datetime(YEARS[0], 1, 1, tzinfo=UTC)
    span = datetime(YEARS[-1] + 1, 1, 1, tzinfo=UTC) - begin
    moment = begin + chance.random() * span
    return Day(moment.replace(microsecond=0), chance.choice(("UTC", *ZONES)))
