"""A Prefect task run for each dbt node: created when the node starts, ended when it ends, linked to the nodes it reads.

Its log holds dbt's messages about the node. dbt runs the nodes, not Prefect, so their task runs are recorded through
the API. A thread of its own does that: the thread that reads dbt's events is never held up, and the UI is behind by no
more than an API call.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from prefect import Task, get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import Constant, Parameter, TaskRunResult
from prefect.states import Cancelled, Completed, Failed, Running, State

from orchestration.dbt.events import NodeFinished, NodeMessage, NodeStarted, NodeStatus
from orchestration.dbt.runner import NodeEvent
from orchestration.prefect.show.task_run_logs import TaskRunLogs
from orchestration.warehouse.ddl import DELETES_SUFFIX

_CALLS_AT_ONCE = 4
_DRAIN_SECONDS = 30.0
_STOPPED_DRAIN_SECONDS = 5.0


class NodeTaskRuns:
    """A recorder of the nodes of one dbt run as task runs of the flow run. Use as a context manager.

    At the end it waits until all is recorded, and ends the runs of unfinished nodes as cancelled. A failing API does
    not fail the build: only the first fault is logged.
    """

    def __init__(
        self,
        flow_run_id: UUID,
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
        loads: Mapping[str, UUID] | None = None,
    ) -> None:
        """Prepare a recorder. `loads` are the task runs that loaded the streams, by stream: the inputs of dbt's
        sources.
        """
        self._flow_run_id = flow_run_id
        self._logger = logger
        self._loads = loads or {}
        self._loop = asyncio.new_event_loop()
        self._queue: asyncio.Queue[NodeEvent | None] = asyncio.Queue()
        # The context holds Prefect's settings, which include the API's address.
        context = copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._record,), name="dbt-nodes", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._put(None)
        self._thread.join(_DRAIN_SECONDS if kind is None or issubclass(kind, Exception) else _STOPPED_DRAIN_SECONDS)
        if self._thread.is_alive():
            self._logger.warning("dbt's nodes are not all recorded: the API is slow")

    def tell(self, event: NodeEvent) -> None:
        """Record an event in the background."""
        self._put(event)

    def _put(self, event: NodeEvent | None) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    def _record(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._drain())
        except Exception as error:
            self._logger.warning("dbt's nodes cannot be recorded: %s", error)

    async def _drain(self) -> None:
        # No compression, which only costs time within one process.
        client = get_client(httpx_settings={"headers": {"accept-encoding": "identity"}})
        if not isinstance(client, PrefectClient):
            raise TypeError(f"Prefect gave a {type(client).__name__}")
        async with client:
            recorder = _Recorder(client, self._flow_run_id, self._loads)
            while (event := await self._queue.get()) is not None:
                recorder.take(event)
            await recorder.finish()


class _Recorder:
    """A converter of events to API calls: each node's calls in order, several nodes at once."""

    def __init__(self, client: PrefectClient, flow_run_id: UUID, loads: Mapping[str, UUID]) -> None:
        self._client = client
        self._loads = loads
        self._flow_run_id = flow_run_id
        self._slots = asyncio.Semaphore(_CALLS_AT_ONCE)
        self._created: dict[str, asyncio.Task[UUID]] = {}
        self._ended: dict[str, asyncio.Task[Any]] = {}
        self._logs = TaskRunLogs(client, name="dbt")
        self._noted: set[asyncio.Task[None]] = set()
        self._tasks: dict[str, Task[Any, Any]] = {}

    def take(self, event: NodeEvent) -> None:
        match event:
            case NodeStarted():
                self._created[event.unique_id] = asyncio.create_task(self._create(event))
            case _ if event.unique_id not in self._created:
                return
            case NodeMessage():
                self._note(event)
            case NodeFinished():
                self._ended[event.unique_id] = asyncio.create_task(self._end(event.unique_id, _state(event)))
                if event.rows is not None and not event.failed:
                    text = f"{event.rows:,} rows in {event.seconds:.2f} s"
                    self._note(NodeMessage(event.unique_id, logging.INFO, text, datetime.now(UTC)))

    async def finish(self) -> None:
        """Wait for all calls, then end the runs of nodes that dbt left unfinished."""
        await asyncio.gather(*self._created.values(), *self._ended.values(), *self._noted)
        await self._logs.close()
        left = [unique_id for unique_id in self._created if unique_id not in self._ended]
        await asyncio.gather(*(self._end(unique_id, Cancelled(message="dbt was ended")) for unique_id in left))

    def _note(self, message: NodeMessage) -> None:
        self._noted.add(asyncio.create_task(self._add_to_log(message)))

    async def _add_to_log(self, message: NodeMessage) -> None:
        run_id = await self._created[message.unique_id]
        self._logs.add(run_id, message.level, message.text, message.at)

    async def _create(self, node: NodeStarted) -> UUID:
        upstream = [await self._created[name] for name in node.depends_on if name in self._created]
        loads = [self._loads[stream] for stream in filter(None, map(_stream, node.depends_on)) if stream in self._loads]
        inputs: list[TaskRunResult | Parameter | Constant] = [
            TaskRunResult(id=run_id) for run_id in dict.fromkeys([*loads, *upstream])
        ]
        async with self._slots:
            run = await self._client.create_task_run(
                task=self._task(node.resource_type),
                flow_run_id=self._flow_run_id,
                dynamic_key=node.unique_id,
                name=node.name,
                extra_tags=["dbt", node.resource_type],
                state=Running(),
                task_inputs={"depends_on": inputs},
            )
        return run.id

    async def _end(self, unique_id: str, state: State[Any]) -> None:
        run_id = await self._created[unique_id]
        async with self._slots:
            await self._client.set_task_run_state(run_id, state, force=True)

    def _task(self, resource_type: str) -> Task[Any, Any]:
        """Return the Prefect task that stands for this kind of node."""
        if resource_type not in self._tasks:
            self._tasks[resource_type] = Task(fn=_run_by_dbt, name=f"dbt {resource_type}")
        return self._tasks[resource_type]


def _stream(unique_id: str) -> str | None:
    """Return the stream of a source such as `source.project.raw.orders__deletes`; None for any other node."""
    kind, _, rest = unique_id.partition(".")
    return rest.rpartition(".")[2].removesuffix(DELETES_SUFFIX) if kind == "source" else None


def _run_by_dbt() -> None:
    """Stand for a node in Prefect's records. dbt runs the node itself."""


def _state(node: NodeFinished) -> State[Any]:
    if node.failed:
        place = f"\nCompiled SQL: {node.compiled_path}" if node.compiled_path else ""
        return Failed(message=f"{node.message or node.status}{place}")
    if node.status is NodeStatus.SKIPPED:
        return Cancelled(name="Skipped", message="skipped: something that it reads failed")
    if node.warned:
        return Completed(name="Warned", message=f"{node.failures or 0:,} rows. {node.description or node.message}")
    rows = f", {node.rows:,} rows" if node.rows is not None else ""
    return Completed(message=f"{node.message or node.status}{rows} in {node.seconds:.2f} s")
