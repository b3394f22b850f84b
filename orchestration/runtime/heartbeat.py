"""The heartbeat of a flow run. Prefect 2 has none, and the run of a killed worker stays Running for ever.

While it runs, each of our runs writes every few seconds where it runs, in the same field as its agent did at the start.
That moves `updated` in the API, and changes nothing else. A run that has not been updated for STALE_RUN_SECONDS counts
as lost. A lost run's commits count, and it does no harm if it was only slow.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL

from orchestration.runtime.client import async_client

BEAT_SECONDS = 5.0

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


@contextmanager
def beating(flow_run: FlowRun, logger: Logger, *, every: float = BEAT_SECONDS) -> Iterator[None]:
    """Send a heartbeat every so many seconds, within the block.

    Without a server (the ephemeral API) nobody reads it, and nothing is sent. A server that does not answer does not
    stop the run: the next heartbeat makes up for it.
    """
    if not PREFECT_API_URL.value():
        yield
        return
    stop = threading.Event()
    place = flow_run.infrastructure_pid or f"{socket.gethostname()}:{os.getpid()}"
    # The context holds Prefect's settings, which include the API's address.
    context = copy_context()
    thread = threading.Thread(
        target=context.run,
        args=(lambda: asyncio.run(_beat(flow_run.id, place, stop, every, logger)),),
        name="heartbeat",
        daemon=True,
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()


async def _beat(flow_run_id: UUID, place: str, stop: threading.Event, every: float, logger: Logger) -> None:
    async with async_client() as client:
        while not stop.is_set():
            try:
                await client.update_flow_run(flow_run_id, infrastructure_pid=place)
            except httpx.HTTPError as error:
                logger.debug("the API missed a heartbeat: %s", error)
            await asyncio.sleep(every)
