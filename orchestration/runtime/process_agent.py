"""Prefect 2.20.4's agent, extended to know the processes of its runs and to end them within seconds."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import httpx
from prefect.agent import PrefectAgent
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, WorkQueue
from prefect.exceptions import ObjectNotFound
from prefect.infrastructure import Process
from prefect.logging import get_logger
from prefect.states import Failed

from orchestration.runtime.admission import AskedRun, RefusedRunError, admitted_process, process_block
from orchestration.runtime.endings import GOES_ON, end_parts, end_run
from orchestration.runtime.names import WORK_POOL
from orchestration.runtime.warm import WarmProcesses

_STATE_SECONDS = 2.0
_STOP_SECONDS = 5.0
"""How long flow runs may take to end before they are killed. A container is given ten seconds in all."""

_logger = get_logger("agent")


def reason(error: BaseException) -> str:
    """Return what to say of an error of the API: what to set, where it asks for a login."""
    if isinstance(error, httpx.HTTPStatusError) and error.response.status_code == httpx.codes.UNAUTHORIZED:
        return "it asks for a login; set PREFECT_API_KEY to the server's SERVER_AUTH_STRING, user:password"
    return str(error) or type(error).__name__


class ProcessAgent(PrefectAgent):
    """Prefect's agent, extended to know its processes and to end them."""

    def __init__(
        self, queues: Sequence[str], entrypoints: Mapping[str, str], slots: int | None, warm: WarmProcesses
    ) -> None:
        super().__init__(work_queues=list(queues), work_pool_name=WORK_POOL, limit=slots)
        self._warm = warm
        self._entrypoints = entrypoints
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
            _logger.warning("the API could not be informed that a run was refused: %s", reason(error))

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
            _logger.warning("the API could not be informed that runs were stopped: %s", reason(error))
            return []

    async def _end_parts(self, runs: Sequence[FlowRun]) -> None:
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                for run in runs:
                    await end_parts(self._api, run)
        except (TimeoutError, httpx.HTTPError) as error:
            _logger.warning("the API could not be informed how tasks ended: %s", reason(error))

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
