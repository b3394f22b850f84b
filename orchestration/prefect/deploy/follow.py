"""Starts a run of a deployment on its agent, and follows it: prints a line for each task that ends, then the
outcome.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, TaskRun
from prefect.client.schemas.sorting import TaskRunSort
from prefect.settings import PREFECT_UI_URL
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape

from ingest.errors import first_line

STARTED = Path(tempfile.gettempdir()) / "prefect_flow.started"
"""There once the run has begun; what the health check of `prefect_flow` looks for."""

_POLL_SECONDS = 1.0
_PAGE = 50
_FINAL = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
_COLOURS = {StateType.COMPLETED: "green", StateType.FAILED: "red", StateType.CRASHED: "red"}


async def start_and_follow(
    client: PrefectClient, deployment_id: UUID, parameters: Mapping[str, object], console: Console
) -> int:
    """Start a run, follow it to its end, and print a summary. Return 0 if it completed, else 1."""
    STARTED.unlink(missing_ok=True)
    run = await client.create_flow_run_from_deployment(deployment_id, parameters=dict(parameters))
    console.print(f"Started run {run.name}: {link(run.id)}", soft_wrap=True)
    run = await _Follower(client, run.id, console).follow()
    await _print_summary(client, run, console)
    state = run.state
    colour = _COLOURS.get(run.state_type, "yellow") if run.state_type else "yellow"
    message = f": {escape(state.message)}" if state is not None and state.message else ""
    console.print(f"Run {run.name} [{colour}]{run.state_name}[/]{message}", soft_wrap=True)
    console.print(link(run.id), soft_wrap=True)
    return 0 if run.state_type is StateType.COMPLETED else 1


def link(flow_run_id: UUID) -> str:
    """Return the run's page in the UI."""
    return f"{PREFECT_UI_URL.value() or ''}/flow-runs/flow-run/{flow_run_id}"


class _Follower:
    """A printer of the changes of a run. While the server is unavailable, it waits."""

    def __init__(self, client: PrefectClient, flow_run_id: UUID, console: Console) -> None:
        self._client = client
        self._flow_run_id = flow_run_id
        self._console = console
        self._started = monotonic()
        self._state_name: str | None = None
        self._told: set[UUID] = set()
        self._away = False

    async def follow(self) -> FlowRun:
        while True:
            try:
                run = await self._client.read_flow_run(self._flow_run_id)
                ended = await self._newly_ended()
            except httpx.HTTPError as error:
                if isinstance(error, httpx.HTTPStatusError) and not error.response.is_server_error:
                    raise
                if not self._away:
                    self._line(f"[yellow]the server does not answer[/], trying on: {escape(first_line(error))}")
                self._away = True
            else:
                self._away = False
                self._tell(run, ended)
                if run.state_type in _FINAL:
                    return run
            await asyncio.sleep(_POLL_SECONDS)

    def _tell(self, run: FlowRun, ended: list[TaskRun]) -> None:
        if run.state_name != self._state_name and run.state_type not in _FINAL:
            self._state_name = run.state_name
            self._line(f"[bold]{run.state_name}[/]")
        for task_run in ended:
            self._told.add(task_run.id)
            self._line(_task_line(task_run))
        if run.state_type is StateType.RUNNING or run.state_type in _FINAL:
            STARTED.touch()

    async def _newly_ended(self) -> list[TaskRun]:
        """Return the task runs that have ended since the last call, in the order in which they ended."""
        newly: list[TaskRun] = []
        while True:
            page = await self._client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[self._flow_run_id])),
                task_run_filter=TaskRunFilter(
                    state=TaskRunFilterState(type=TaskRunFilterStateType(any_=_FINAL), name=None)
                ),
                sort=TaskRunSort.END_TIME_DESC,
                limit=_PAGE,
                offset=len(newly),
            )
            new = [task_run for task_run in page if task_run.id not in self._told]
            newly += new
            if len(new) < _PAGE:
                return newly[::-1]

    def _line(self, text: str) -> None:
        self._console.print(f"[dim]{monotonic() - self._started:6.1f}[/] {text}", soft_wrap=True)


def _task_line(run: TaskRun) -> str:
    colour = _COLOURS.get(run.state_type, "yellow") if run.state_type else "yellow"
    message = (run.state.message or "").strip().partition("\n")[0] if run.state else ""
    return f"  [{colour}]{run.state_name}[/] {escape(run.name)}{f': {escape(message)}' if message else ''}"


async def _print_summary(client: PrefectClient, run: FlowRun, console: Console) -> None:
    artifacts = await client.read_artifacts(
        artifact_filter=ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]), key=ArtifactFilterKey(any_=["run-summary"])
        )
    )
    for artifact in artifacts[:1]:
        console.print(Markdown(str(artifact.data)))
