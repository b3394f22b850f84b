"""Prevents scheduled runs from piling up: of several due runs, only the newest one runs.

Each run lands all new data, so one run does the work of ten. Prefect 2.20.4 would run every one that fell due while no
agent was up, or while a long run held the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pendulum
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.logging import get_logger
from prefect.states import Cancelled

from orchestration.runtime.names import WORK_POOL

_LOOK_SECONDS = 10.0
_MESSAGE = "Skipped: a later run of the same schedule is due, and does the same work."

_logger = get_logger("catch_up")


async def keep_from_catching_up(client: PrefectClient) -> None:
    """Skip superseded runs for ever, beside an agent."""
    while True:
        try:
            for run in await skip_superseded(client):
                _logger.info("the run %s is skipped: a later one is due", run.name)
        except httpx.HTTPError as error:
            # The agent logs that the server is unavailable.
            _logger.debug("cannot look for superseded runs: %s", error)
        await asyncio.sleep(_LOOK_SECONDS)


async def skip_superseded(client: PrefectClient) -> list[FlowRun]:
    """Cancel due scheduled runs whose deployment has a later due run. Return the cancelled runs."""
    due = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]), name=None),
            next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=pendulum.now("UTC")),
        ),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL])),
    )
    skipped = []
    for run in superseded(due):
        answer = await client.set_flow_run_state(run.id, Cancelled(name="Skipped", message=_MESSAGE))
        if answer.status is SetStateStatus.ACCEPT:
            skipped.append(run)
    return skipped


def superseded(due: Sequence[FlowRun]) -> list[FlowRun]:
    """Return all scheduled runs among `due` but the latest of each deployment."""
    latest: dict[UUID | None, FlowRun] = {}
    older = []
    for run in sorted((run for run in due if run.auto_scheduled), key=_start):
        if run.deployment_id in latest:
            older.append(latest[run.deployment_id])
        latest[run.deployment_id] = run
    return older


def _start(run: FlowRun) -> datetime:
    return run.next_scheduled_start_time or datetime.min.replace(tzinfo=UTC)
