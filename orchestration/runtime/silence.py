"""Detects runs without a heartbeat. The run that handed a stream out uses it, and the janitor.

Each of our runs sends a heartbeat every few seconds, which moves `updated` in the API. A run counts as lost if it was
seen unchanged for long enough by this process' own clock, so clocks need not agree. A time in which the API could not
be read does not count, because runs could send no heartbeat either.
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
    """The last sight of a run: its state in the API, and since when, in seconds of the monotonic clock."""

    state: StateType | None
    updated: datetime | None
    since: float


class SilenceWatch:
    """A memory of the runs' states, which finds runs without a recent heartbeat."""

    def __init__(self, stale_after: timedelta, *, clock: Callable[[], float] = monotonic) -> None:
        self._stale_after = stale_after
        self._clock = clock
        self._seen: dict[UUID, _Sight] = {}
        self._looked = clock()

    @property
    def longest(self) -> timedelta:
        """The time after which every watched run is known to be alive or lost, if there was no gap."""
        return self._stale_after + STARTING

    @property
    def seen(self) -> dict[UUID, tuple[StateType | None, datetime | None]]:
        """The last seen state of each run. A change since then is a heartbeat."""
        return {run_id: (sight.state, sight.updated) for run_id, sight in self._seen.items()}

    def look(self, runs: Sequence[FlowRun]) -> list[FlowRun]:
        """Return the lost runs among `runs`, which are all watched runs.

        A run that waits for an agent is never lost.
        """
        now = self._clock()
        if now - self._looked > GAP.total_seconds():
            self._seen = {}
        self._looked = now
        self._seen = {run.id: self._sight(run, now) for run in runs}
        return [run for run in runs if self._is_lost(run)]

    def silence(self, run: FlowRun) -> timedelta:
        """Return how long the run had not changed at the last look."""
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
