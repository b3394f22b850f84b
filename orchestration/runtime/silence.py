"""Judges which runs give no sign of life: used by the run that handed a stream out, and by the janitor.

A run of ours gives a sign of life every few seconds, which moves `updated` in the API. It is taken for lost once it was
seen unmoved for long enough, by this process' own clock: so clocks need not agree. A time in which nobody could look
counts for nothing, since runs could give no sign of life either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType

STARTING = timedelta(seconds=45)
"""A run that was taken and has not begun gives no sign of life yet: so long its process may take to start besides."""
GAP = timedelta(seconds=10)
"""After a longer gap between two looks, what was seen before it counts for nothing."""


@dataclass(frozen=True)
class _Sight:
    """A run as it was seen: its state in the API, and since when, in seconds of the monotonic clock."""

    state: StateType | None
    updated: datetime | None
    since: float


class SilenceWatch:
    """Remembers the runs' states, and finds those without a recent heartbeat."""

    def __init__(self, stale_after: timedelta, *, clock: Callable[[], float] = monotonic) -> None:
        self._stale_after = stale_after
        self._clock = clock
        self._seen: dict[UUID, _Sight] = {}
        self._looked = clock()

    @property
    def longest(self) -> timedelta:
        """After so long without a gap every run that was seen is known to be alive or lost."""
        return self._stale_after + STARTING

    @property
    def seen(self) -> dict[UUID, tuple[StateType | None, datetime | None]]:
        """The last seen state of each run: a change since then is a heartbeat."""
        return {run_id: (sight.state, sight.updated) for run_id, sight in self._seen.items()}

    def look(self, runs: Sequence[FlowRun]) -> list[FlowRun]:
        """Those of `runs`, which are all that are watched, that are lost. One that waits for an agent never is."""
        now = self._clock()
        if now - self._looked > GAP.total_seconds():
            self._seen = {}
        self._looked = now
        self._seen = {run.id: self._sight(run, now) for run in runs}
        return [run for run in runs if self._is_lost(run)]

    def silence(self, run: FlowRun) -> timedelta:
        """For how long the run had not moved at the last look."""
        return timedelta(seconds=self._looked - self._seen[run.id].since)

    def _sight(self, run: FlowRun, now: float) -> _Sight:
        before = self._seen.get(run.id)
        if before is not None and (before.state, before.updated) == (run.state_type, run.updated):
            return before
        return _Sight(run.state_type, run.updated, now)

    def _is_lost(self, run: FlowRun) -> bool:
        if run.state_type is StateType.SCHEDULED:
            return False
        starting = STARTING if run.state_type is StateType.PENDING else timedelta()
        return self.silence(run) >= self._stale_after + starting
