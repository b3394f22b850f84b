"""Ends runs whose process is gone: they stay Running for ever otherwise, and keep their queue's slot.

A run of ours gives a sign of life every few seconds, which moves `updated` in the API. A run is taken for lost once it
was seen unmoved for STALE_RUN_SECONDS by this process' own clock. So clocks need not agree, and a time in which nobody
could reach the server counts for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.logging import get_logger

from orchestration.worker.endings import GOES_ON, end_parts, end_run, runs_under_way
from orchestration.worker.pool import QUEUES

PENDING_FACTOR = 4
"""A run that was taken, and has not begun, gives no sign of life: its process may be starting on a busy machine."""
_LOOK_SECONDS = 5.0
_GAP_SECONDS = 20.0
"""After a longer gap between two looks, what was seen before it counts for nothing."""

_logger = get_logger("janitor")


@dataclass(frozen=True)
class _Sight:
    """A run as it was seen: what the API said, and since when it has said so, in seconds of the monotonic clock."""

    state: StateType | None
    updated: datetime | None
    since: float


class Watch:
    """Remembers what runs looked like, and tells which of them give no sign of life any more."""

    def __init__(self, stale_after: timedelta, *, clock: Callable[[], float] = monotonic) -> None:
        self._stale_after = stale_after.total_seconds()
        self._clock = clock
        self._seen: dict[UUID, _Sight] = {}
        self._looked = clock()

    def look(self, runs: Sequence[FlowRun]) -> list[FlowRun]:
        """Those of `runs`, which are all that are under way, that are lost."""
        now = self._clock()
        if now - self._looked > _GAP_SECONDS:
            # Nobody could look for a while, and neither could runs give signs of life.
            self._seen = {}
        self._looked = now
        self._seen = {run.id: self._sight(run, now) for run in runs}
        return [run for run in runs if now - self._seen[run.id].since >= self._limit(run)]

    def _sight(self, run: FlowRun, now: float) -> _Sight:
        before = self._seen.get(run.id)
        if before is not None and (before.state, before.updated) == (run.state_type, run.updated):
            return before
        return _Sight(run.state_type, run.updated, now)

    def _limit(self, run: FlowRun) -> float:
        return self._stale_after * (PENDING_FACTOR if run.state_type is StateType.PENDING else 1)


async def keep_watch(client: PrefectClient, stale_after: timedelta) -> None:
    """End lost runs, for ever. Goes on beside an agent."""
    watch = Watch(stale_after)
    while True:
        try:
            for run in await sweep(client, watch, stale_after):
                _logger.warning("the run %s of %s was lost, and is ended", run.name, run.infrastructure_pid)
        except httpx.HTTPError as error:
            # The agent says that the server is away; what the gap means, the watch knows.
            _logger.debug("cannot look for lost runs: %s", error)
        await asyncio.sleep(_LOOK_SECONDS)


async def watch_once(
    client: PrefectClient, stale_after: timedelta, *, look_every: float = _LOOK_SECONDS
) -> list[FlowRun]:
    """Watch for as long as it takes to tell a lost run from a living one; the runs that were ended."""
    watch = Watch(stale_after)
    ended = await sweep(client, watch, stale_after)
    first_look = monotonic()
    last = False
    while not last:
        await asyncio.sleep(look_every)
        last = monotonic() - first_look >= stale_after.total_seconds()
        ended += await sweep(client, watch, stale_after)
    return ended


async def sweep(client: PrefectClient, watch: Watch, stale_after: timedelta) -> list[FlowRun]:
    """Look once, and end the runs that are lost; those that were ended. One that ends meanwhile keeps its state."""
    ended = []
    for run in watch.look(await runs_under_way(client, list(QUEUES))):
        if await end_run(client, run, lost_message(run, stale_after)):
            await end_parts(client, run)
            ended.append(run)
    return ended


def lost_message(run: FlowRun, stale_after: timedelta) -> str:
    """What a lost run's page says."""
    last = f"{run.updated:%Y-%m-%d %H:%M:%S} UTC" if run.updated else "its start"
    where = run.infrastructure_pid or "a process that never began"
    return (
        f"No sign of life from {where} since {last}, more than {stale_after.total_seconds():.0f} s: its process was "
        f"killed, or its host is gone. {GOES_ON}"
    )
