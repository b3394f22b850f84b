"""An agent: it polls queues of the work pool, and runs each flow run in a process of its own.

Prefect 2.20.4's agent does the work. This module adds a wait for the API, tolerance of its outages, a file that shows
each poll, and an end within seconds that leaves no run in state Running.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

import httpx
from prefect._internal.compatibility.deprecated import PrefectDeprecationWarning
from prefect.agent import PrefectAgent
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, WorkQueue
from prefect.exceptions import ObjectNotFound
from prefect.infrastructure import Process
from prefect.logging import get_logger
from prefect.settings import PREFECT_AGENT_QUERY_INTERVAL, PREFECT_API_URL
from prefect.states import Failed

from ingest.errors import ConfigurationError
from ingest.logs import keep_records_harmless
from ingest.retry_policies import AGENT_START
from orchestration.runtime.admission import AskedRun, RefusedRunError, admitted_process, process_block
from orchestration.runtime.client import async_client, let_events_log_in
from orchestration.runtime.endings import GOES_ON, end_parts, end_run, end_runs_lost_here
from orchestration.runtime.health import heartbeat_file
from orchestration.runtime.names import WORK_POOL
from orchestration.runtime.pool import ensure_pool
from orchestration.runtime.told import tell_what_is_harmless
from orchestration.runtime.warm import WarmProcesses

_CANCEL_SECONDS = 5.0
_STATE_SECONDS = 2.0
_STOP_SECONDS = 5.0
"""How long flow runs may take to end before they are killed. A container is given ten seconds in all."""

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
        async with _Agent(spec, warm) as agent:
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
                _logger.warning("waiting for the API at %s: %s", PREFECT_API_URL.value(), _reason(error))
            waiting = True
            await asyncio.sleep(AGENT_START.first_wait)
        else:
            for run in lost:
                _logger.warning("the run %s was lost with its process, and is ended", run.name)
            return


async def _work(agent: _Agent, client: PrefectClient, spec: AgentSpec) -> None:
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
                _logger.warning("the API does not answer, trying on: %s", _reason(error))
            away = True
        else:
            if away:
                _logger.info("the API answers again")
            away = False
        with suppress(TimeoutError):
            await asyncio.wait_for(sooner.wait(), seconds)
        sooner.clear()


def _reason(error: BaseException) -> str:
    if isinstance(error, httpx.HTTPStatusError) and error.response.status_code == httpx.codes.UNAUTHORIZED:
        return "it asks for a login; set PREFECT_API_KEY to the server's SERVER_AUTH_STRING, user:password"
    return str(error) or type(error).__name__


class _Agent(PrefectAgent):
    """Prefect's agent, extended to know its processes and to end them."""

    def __init__(self, spec: AgentSpec, warm: WarmProcesses) -> None:
        super().__init__(work_queues=list(spec.queues), work_pool_name=WORK_POOL, limit=spec.slots)
        self._warm = warm
        self._entrypoints = spec.entrypoints
        self.processes: dict[UUID, int] = {}
        self.freed = asyncio.Event()
        """Set when a run has ended: there is room for another."""
        self._stopping = False
        self.logger.addFilter(_without_refusals_traceback)

    async def get_work_queues(self) -> AsyncIterator[WorkQueue]:
        """Yield the queues, which are known to exist. Prefect's method reads or creates each of them twice a minute."""
        for name in sorted(self.work_queues):
            yield WorkQueue.parse_obj({"name": name})

    async def submit_run(self, flow_run: FlowRun) -> None:
        """Start a run, unless the agent is stopping."""
        if self._stopping:
            self.submitting_flow_run_ids.remove(flow_run.id)
            return
        await super().submit_run(flow_run)

    async def get_infrastructure(self, flow_run: FlowRun) -> Process:
        """Return the process that runs the flow run, as this agent defines it.

        Raises RefusedRunError for a run it does not take.
        """
        if flow_run.id in self.processes:  # it is to be cancelled, whatever has become of its deployment
            return process_block()
        asked = AskedRun(flow_run)
        if flow_run.deployment_id is not None:
            deployment = await self._api.read_deployment(flow_run.deployment_id)
            block = deployment.infrastructure_document_id
            asked = AskedRun(
                flow_run,
                (await self._api.read_flow(deployment.flow_id)).name,
                deployment,
                await self._api.read_block_document(block) if block else None,
            )
        return admitted_process(asked, self._entrypoints)

    async def cancel_run(self, flow_run: FlowRun) -> None:
        """End a run's process if this agent started it. The process id in the API could come from anybody."""
        host, _, pid = str(flow_run.infrastructure_pid or "").partition(":")
        if host == socket.gethostname() and pid != str(self.processes.get(flow_run.id)):
            flow_run = flow_run.copy(update={"infrastructure_pid": None})
        await super().cancel_run(flow_run)

    async def _propose_failed_state(self, flow_run: FlowRun, exc: Exception) -> None:
        """Set the failed state. If the run was refused, the reason is the state's whole message."""
        if not isinstance(exc, RefusedRunError):
            return await super()._propose_failed_state(flow_run, exc)
        try:
            await self._api.set_flow_run_state(flow_run.id, Failed(message=str(exc)))
        except (ObjectNotFound, httpx.HTTPError) as error:
            _logger.warning("the API could not be informed that a run was refused: %s", _reason(error))

    async def _submit_run_and_capture_errors(
        self, flow_run: FlowRun, infrastructure: Any, task_status: Any = None
    ) -> Any:
        def started(place: str) -> None:
            self.processes[flow_run.id] = int(place.rpartition(":")[2])

        try:
            warmed: Any = _Warmed(self._warm, infrastructure)
            return await super()._submit_run_and_capture_errors(
                flow_run, warmed, task_status=_HeardStatus(task_status, started)
            )
        finally:
            self.processes.pop(flow_run.id, None)
            self.freed.set()

    async def _propose_crashed_state(self, flow_run: FlowRun, message: str) -> None:
        """Set the crashed state, and end the task runs that the killed process has left."""
        await super()._propose_crashed_state(flow_run, f"{message} {GOES_ON}")
        await self._end_parts([flow_run])

    async def end_all(self, message: str) -> None:
        """End every run: first its state, so that it is certain whatever happens to the process, then the process."""
        self._stopping = True
        ended = await self._tell(list(self.processes), message)
        self._signal(signal.SIGTERM)
        if not await self._all_gone(_STOP_SECONDS):
            self._signal(signal.SIGKILL)
            await self._all_gone(_STATE_SECONDS)
        await self._end_parts(ended)
        if self.task_group is not None:
            self.task_group.cancel_scope.cancel()

    async def _tell(self, run_ids: Sequence[UUID], message: str) -> list[FlowRun]:
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                runs = [await self._api.read_flow_run(run_id) for run_id in run_ids]
                return [run for run in runs if await end_run(self._api, run, message)]
        except (TimeoutError, ObjectNotFound, httpx.HTTPError) as error:
            _logger.warning("the API could not be informed that runs were stopped: %s", _reason(error))
            return []

    async def _end_parts(self, runs: Sequence[FlowRun]) -> None:
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                for run in runs:
                    await end_parts(self._api, run)
        except (TimeoutError, httpx.HTTPError) as error:
            _logger.warning("the API could not be informed how tasks ended: %s", _reason(error))

    async def _all_gone(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while self.processes or self.submitting_flow_run_ids:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            return False
        return True

    def _signal(self, number: int) -> None:
        for pid in self.processes.values():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    @property
    def _api(self) -> PrefectClient:
        if self.client is None:
            raise RuntimeError("the agent is not started")
        return self.client


def _without_refusals_traceback(record: logging.LogRecord) -> bool:
    """Make a refused run one line of the log."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, RefusedRunError):
        record.msg, record.exc_info, record.exc_text = f"{record.msg} {error}", None, None
    return True


class _Warmed:
    """A prepared process that is started as a warm one."""

    def __init__(self, warm: WarmProcesses, process: Any) -> None:
        self._warm = warm
        self._process = process

    async def run(self, task_status: Any) -> Any:
        return await self._warm.run(self._process, task_status)


class _HeardStatus:
    """Prefect's task status with a callback for the process's identifier. Prefect reads its `_future`."""

    def __init__(self, status: Any, started: Callable[[str], None]) -> None:
        self._status = status
        self._started = started
        self._future = status._future

    def started(self, value: Any = None) -> None:
        if isinstance(value, str):
            self._started(value)
        self._status.started(value)
