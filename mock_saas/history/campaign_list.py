"""The listing of campaigns: all that exist now, in the order of their last change."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from mock_saas.history.campaigns import MAX_AGE_US, MAX_SENDING_DAYS, CampaignFactory, CampaignLife, Version
from mock_saas.timestamps import DAY_US, HOUR_US
from mock_saas.windows import Count, Page, Position, Window

_CACHED_DAYS = 4096
_CACHED_HOURS = 4096


class CampaignList:
    """Campaigns from ``epoch_us`` on, and earlier ones that still send after it."""

    def __init__(self, factory: CampaignFactory, epoch_us: int) -> None:
        self._factory = factory
        self._epoch_us = epoch_us
        self._first_day = epoch_us // DAY_US - MAX_SENDING_DAYS
        self.created_on = lru_cache(_CACHED_DAYS)(self._created_on)
        self.sending_in_hour = lru_cache(_CACHED_HOURS)(self._sending_in_hour)

    def page(self, window: Window, after: Position | None, limit: int, now_us: int) -> Page:
        """Return up to ``limit`` campaigns that were last changed within the window, after the position ``after``.

        A campaign that changes moves to the end of the order, where a walk without an upper bound meets it again. So
        such a walk misses no campaign that exists from its first page to its last.
        """
        found = list(islice(self._walk(window, after, now_us), limit + 1))
        return Page(
            records=[version.campaign.model_dump_json() for version in found[:limit]],
            last=_position(found[:limit][-1]) if found else None,
            has_more=len(found) > limit,
        )

    def counting(self, window: Window, now_us: int) -> Iterator[Count]:
        """Yield the number of campaigns that a walk would return now. Each campaign is one record."""
        records = sum(1 for _ in self._walk(window, None, now_us))
        yield Count(records, records)

    def _walk(self, window: Window, after: Position | None, now_us: int) -> Iterator[Version]:
        start_us, end_us = window.start(), window.end(now_us)
        if after is not None:
            start_us = max(start_us, after.us)
        pending: list[Version] = []
        # Only campaigns of the last MAX_AGE_US can have changed at or after start_us.
        for day in range(max(self._first_day, (start_us - MAX_AGE_US) // DAY_US), end_us // DAY_US + 1):
            pending += [
                version
                for life in self.created_on(day)
                if (version := life.at(now_us)) is not None
                and start_us <= version.updated_us < end_us
                and (after is None or _position(version) > after)
            ]
            # Later days hold only campaigns that changed later, so all older ones are known.
            complete_us = (day + 1) * DAY_US
            pending.sort(key=_position)
            ready = [version for version in pending if version.updated_us < complete_us]
            yield from ready
            del pending[: len(ready)]
        yield from pending

    def _created_on(self, day: int) -> tuple[CampaignLife, ...]:
        if day < self._first_day:
            return ()
        return tuple(life for life in self._factory.created_on(day) if self._belongs(life))

    def _belongs(self, life: CampaignLife) -> bool:
        sends_beyond = life.sending_us is not None and life.sending_us[1] > self._epoch_us
        return life.created_us >= self._epoch_us or sends_beyond

    def _sending_in_hour(self, hour: int) -> tuple[CampaignLife, ...]:
        """Return the campaigns that send throughout an hour (hours since the Unix epoch)."""
        start_us, end_us = hour * HOUR_US, (hour + 1) * HOUR_US
        day = start_us // DAY_US
        return tuple(
            life
            for created_day in range(day - MAX_SENDING_DAYS, day + 1)
            for life in self.created_on(created_day)
            if life.sends_throughout(start_us, end_us)
        )


def _position(version: Version) -> Position:
    return Position(version.updated_us, version.campaign.campaign_id)
