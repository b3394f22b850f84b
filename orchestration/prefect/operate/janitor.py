"""Ends runs whose process is gone. Otherwise they stay Running for ever and keep their queue's slot.

The detector of silent runs (`silence.py`) decides which runs those are.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import monotonic

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.logging import get_logger

from orchestration.runtime.endings import GOES_ON, end_parts, end_run, runs_under_way
from orchestration.runtime.pool import QUEUES
from orchestration.runtime.silence import SilenceWatch

_LOOK_SECONDS = 5.0

_logger = get_logger("janitor")


async def keep_watch(client: PrefectClient, stale_after: timedelta) -> None:
    """End lost runs for ever, beside an agent."""
    watch = SilenceWatch(stale_after)
    while True:
        try:
            for run in await sweep(client, watch):
                _logger.warning("the run %s of %s was lost, and is ended", run.name, run.infrastructure_pid)
        except httpx.HTTPError as error:
            # The agent logs that the server is unavailable. The watch notices the gap.
            _logger.debug("cannot look for lost runs: %s", error)
        await asyncio.sleep(_LOOK_SECONDS)


async def watch_once(
    client: PrefectClient, stale_after: timedelta, *, look_every: float = _LOOK_SECONDS
) -> list[FlowRun]:
    """Watch until each running run has given a sign of life or is lost. Return the runs that were ended."""
    watch = SilenceWatch(stale_after)
    ended = await sweep(client, watch)
    silent = watch.seen
    deadline = monotonic() + watch.longest.total_seconds() + 2 * look_every
    while silent and monotonic() < deadline:
        await asyncio.sleep(look_every)
        lost = await sweep(client, watch)
        ended += lost
        gone = {run.id for run in lost}
        silent = {
            run_id: sight for run_id, sight in watch.seen.items() if silent.get(run_id) == sight and run_id not in gone
        }
    return ended


async def sweep(client: PrefectClient, watch: SilenceWatch) -> list[FlowRun]:
    """Look once, and end the lost runs. Return the runs that were ended. A run that ends by itself keeps its state."""
    ended = []
    for run in watch.look(await runs_under_way(client, list(QUEUES))):
        if await end_run(client, run, lost_message(run, watch.silence(run))):
            await end_parts(client, run)
            ended.append(run)
    return ended


def lost_message(run: FlowRun, silence: timedelta) -> str:
    """Return the message for the page of a lost run."""
    last = f"{run.updated:%Y-%m-%d %H:%M:%S} UTC" if run.updated else "its start"
    where = run.infrastructure_pid or "a process that never began"
    return (
        f"No sign of life from {where} since {last}, for {silence.total_seconds():.0f} s: its process was killed, or "
        f"its host is gone. {GOES_ON}"
    )
