"""An agent: it polls queues of the work pool, and runs each flow run in a process of its own.

Prefect 2.20.4's agent does the work, as process_agent.py extends it. This module adds a wait for the API, tolerance of
its outages, a file that shows each poll, and an end within seconds that leaves no run in state Running.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx
from prefect._internal.compatibility.deprecated import PrefectDeprecationWarning
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_logger
from prefect.settings import PREFECT_AGENT_QUERY_INTERVAL, PREFECT_API_URL

from ingest.errors import ConfigurationError
from ingest.logs import keep_records_harmless
from ingest.retry_policies import AGENT_START
from orchestration.runtime.client import async_client, let_events_log_in
from orchestration.runtime.endings import GOES_ON, end_runs_lost_here
from orchestration.runtime.health import heartbeat_file
from orchestration.runtime.names import WORK_POOL
from orchestration.runtime.pool import ensure_pool
from orchestration.runtime.process_agent import ProcessAgent, reason
from orchestration.runtime.told import tell_what_is_harmless
from orchestration.runtime.warm import WarmProcesses

_CANCEL_SECONDS = 5.0

_logger = get_logger("agent")


Beside = Callable[[PrefectClient], Coroutine[Any, Any, None]]
"""What goes on beside the polling, for ever, such as the janitor."""


@dataclass(frozen=True)
class AgentSpec:
    """The description of an agent: its name, its queues, and the number of runs at once (None: the queues' limits
    decide).

    It runs only `entrypoints`, which are keyed by the full names of deployments.
    """

    name: str
    queues: tuple[str, ...]
    entrypoints: Mapping[str, str]
    slots: int | None = None
    beside: tuple[Beside, ...] = ()


def run_agent(spec: AgentSpec, warm: WarmProcesses) -> NoReturn:
    """Run an agent until SIGTERM or SIGINT, which end the process with code 0. `warm` starts its flow runs.

    Raises ConfigurationError if PREFECT_API_URL is not set.
    """
    if not PREFECT_API_URL.value():
        raise ConfigurationError(
            "PREFECT_API_URL is not set, so there is no server to take work from",
            hint="Set it to the server's API, such as http://127.0.0.1:4200/api.",
        )
    keep_records_harmless()
    tell_what_is_harmless()
    warnings.filterwarnings("ignore", category=PrefectDeprecationWarning)
    let_events_log_in()
    asyncio.run(_run_to_the_end(spec, warm))
    raise AssertionError("the process has ended")


async def _run_to_the_end(spec: AgentSpec, warm: WarmProcesses) -> NoReturn:
    """Run the agent, and exit the process right after it.

    An ordinary exit would take seconds of a container's ten: asyncio waits for threads, such as those that wait for a
    lake, and the interpreter tears down all that Prefect has imported.
    """
    await _run(spec, warm)
    logging.shutdown()
    os._exit(0)


async def _run(spec: AgentSpec, warm: WarmProcesses) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    heartbeat_file(spec.name).unlink(missing_ok=True)
    async with async_client() as client:
        if not await _until(stop, _prepare(client, spec)):
            return
        async with ProcessAgent(spec.queues, spec.entrypoints, spec.slots, warm) as agent:
            _logger.info("%s takes work from %s of %s", spec.name, " and ".join(spec.queues), WORK_POOL)
            try:
                await _until(stop, _work(agent, client, spec))
            finally:
                _logger.info("%s stops; runs going on: %d", spec.name, len(agent.processes))
                await agent.end_all(f"The agent {spec.name} on {socket.gethostname()} was stopped. {GOES_ON}")
    heartbeat_file(spec.name).unlink(missing_ok=True)


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do `work`, but no longer than until `stop`. Return whether it was done."""
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        stopped.cancel()
        await task
        return True
    task.cancel()
    await asyncio.wait((task,))
    return False


async def _prepare(client: PrefectClient, spec: AgentSpec) -> None:
    """Wait for the API, make the pool and its queues, and end runs of this host that a killed agent has left."""
    waiting = False
    while True:
        try:
            if (fault := await client.api_healthcheck()) is not None:
                raise fault
            await ensure_pool(client)
            lost = await end_runs_lost_here(client, spec.queues)
        except httpx.HTTPError as error:
            if not waiting:
                _logger.warning("waiting for the API at %s: %s", PREFECT_API_URL.value(), reason(error))
            waiting = True
            await asyncio.sleep(AGENT_START.first_wait)
        else:
            for run in lost:
                _logger.warning("the run %s was lost with its process, and is ended", run.name)
            return


async def _work(agent: ProcessAgent, client: PrefectClient, spec: AgentSpec) -> None:
    """Poll, look for runs to cancel, and run the background tasks, for ever."""

    async def poll() -> None:
        try:
            await agent.get_and_submit_flow_runs()
        except ObjectNotFound:
            _logger.warning("the work pool %s or a queue of it was deleted, and is made again", WORK_POOL)
            await ensure_pool(client)
        heartbeat_file(spec.name).touch()

    async with asyncio.TaskGroup() as loops:
        loops.create_task(_every(PREFECT_AGENT_QUERY_INTERVAL.value(), poll, or_at=agent.freed))
        loops.create_task(_every(_CANCEL_SECONDS, agent.check_for_cancelled_flow_runs))
        for beside in spec.beside:
            loops.create_task(beside(client))


async def _every(seconds: float, work: Callable[[], Awaitable[Any]], *, or_at: asyncio.Event | None = None) -> None:
    """Repeat `work` every so many seconds, and at once when `or_at` is set.

    Log each outage of the API and its end once.
    """
    away, sooner = False, or_at or asyncio.Event()
    while True:
        try:
            await work()
        except httpx.HTTPError as error:
            if not away:
                _logger.warning("the API does not answer, trying on: %s", reason(error))
            away = True
        else:
            if away:
                _logger.info("the API answers again")
            away = False
        with suppress(TimeoutError):
            await asyncio.wait_for(sooner.wait(), seconds)
        sooner.clear()
