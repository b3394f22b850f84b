"""Ends a flow run from outside, because its process is gone or about to end."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
    WorkQueueFilter,
    WorkQueueFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling, Crashed

from orchestration.runtime.names import WORK_POOL

GOES_ON = "What it had committed counts, nothing is half-committed: the next run goes on from there."
"""What to know and do about any run that did not end by itself."""

_UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_UNFINISHED = [*_UNDER_WAY, StateType.SCHEDULED, StateType.PAUSED]


async def end_run(client: PrefectClient, flow_run: FlowRun, message: str) -> bool:
    """End a run as crashed, or as cancelled if it was being cancelled. Return False if it ended by itself in the
    meantime.

    Nothing is forced: the server refuses to take a run out of its final state. A deleted run needs no end.
    """
    cancelling = flow_run.state_type is StateType.CANCELLING
    state: State[Any] = Cancelled(message=message) if cancelling else Crashed(message=message)
    try:
        answer = await client.set_flow_run_state(flow_run.id, state)
    except ObjectNotFound:
        return False
    return answer.status is SetStateStatus.ACCEPT


async def end_parts(client: PrefectClient, flow_run: FlowRun) -> None:
    """End what a run has left behind: its task runs become crashed, and runs that it had requested are cancelled."""
    own = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
    children = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run.id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED), name=None),
    )
    for child in await client.read_flow_runs(flow_run_filter=children):
        with suppress(ObjectNotFound):  # deleted in the meantime
            await client.set_flow_run_state(child.id, Cancelling(message="The run that had asked for it has crashed."))
    unfinished = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=_UNFINISHED), name=None))
    while task_runs := await client.read_task_runs(flow_run_filter=own, task_run_filter=unfinished):
        for task_run in task_runs:
            with suppress(ObjectNotFound):
                await client.set_task_run_state(task_run.id, Crashed(message="Its flow run has crashed."), force=True)


async def runs_under_way(client: PrefectClient, queues: Sequence[str]) -> list[FlowRun]:
    """Return the runs of these queues of our work pool that have, or had, a process."""
    return await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNDER_WAY), name=None)
        ),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL])),
        work_queue_filter=WorkQueueFilter(name=WorkQueueFilterName(any_=list(queues))),
    )


async def end_runs_lost_here(client: PrefectClient, queues: Sequence[str]) -> list[FlowRun]:
    """End the runs whose process was on this host and is gone, as after a kill of a whole container.

    Return these runs.
    """
    host = socket.gethostname()
    lost = [run for run in await runs_under_way(client, queues) if _is_gone(run, host)]
    message = f"The process that ran it on {host} was killed. {GOES_ON}"
    ended = [run for run in lost if await end_run(client, run, message)]
    for run in ended:
        await end_parts(client, run)
    return ended


def _is_gone(run: FlowRun, host: str) -> bool:
    where, _, pid = (run.infrastructure_pid or "").partition(":")
    if where != host or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's process
        return False
    return False
