"""Runs whose process is gone are ended; runs that live, or end by themselves meanwhile, are left alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from prefect import Task
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun
from prefect.states import Cancelling, Completed, Pending, Running, Scheduled

from orchestration.prefect.janitor import PENDING_FACTOR, Watch, sweep
from orchestration.worker.endings import end_parts, end_run
from tests.orchestration.prefect.conftest import QUIET, Server, deployment, start_run

pytestmark = QUIET
STALE = timedelta(seconds=45)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def seen(state: StateType = StateType.RUNNING, *, beat: int = 0, run_id: uuid.UUID | None = None) -> FlowRun:
    updated = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=beat)
    return FlowRun(id=run_id or uuid.uuid4(), flow_id=uuid.uuid4(), state_type=state, updated=updated)


def look_on(watch: Watch, clock: Clock, runs: list[FlowRun], seconds: float) -> list[FlowRun]:
    """Look every five seconds for so long; what the last look found."""
    found = watch.look(runs)
    end = clock.now + seconds
    while clock.now < end:
        clock.now += 5
        found = watch.look(runs)
    return found


def test_a_run_is_lost_once_it_gave_no_sign_of_life_for_so_long() -> None:
    clock = Clock()
    watch, run = Watch(STALE, clock=clock), seen()
    assert look_on(watch, clock, [run], 40) == []
    assert look_on(watch, clock, [run], 5) == [run]


def test_a_run_that_gives_signs_of_life_is_never_lost() -> None:
    clock, run_id = Clock(), uuid.uuid4()
    watch = Watch(STALE, clock=clock)
    for beat in range(50):
        assert look_on(watch, clock, [seen(beat=beat, run_id=run_id)], 5) == []


def test_a_time_without_a_look_counts_for_nothing() -> None:
    """The server was away: runs could give no sign of life."""
    clock = Clock()
    watch, run = Watch(STALE, clock=clock), seen()
    look_on(watch, clock, [run], 40)
    clock.now += 60
    assert look_on(watch, clock, [run], 40) == []
    assert look_on(watch, clock, [run], 5) == [run]


def test_a_run_that_has_not_begun_is_given_longer() -> None:
    clock = Clock()
    watch, run = Watch(STALE, clock=clock), seen(StateType.PENDING)
    assert look_on(watch, clock, [run], 45 * PENDING_FACTOR - 5) == []
    assert look_on(watch, clock, [run], 5) == [run]


def a_task() -> None:
    """What task runs are of."""


async def with_task_run(client: PrefectClient, flow_run_id: uuid.UUID) -> TaskRun:
    return await client.create_task_run(task=Task(fn=a_task), flow_run_id=flow_run_id, dynamic_key="0", state=Running())


@pytest.fixture
def run_id(server: Server) -> Iterator[uuid.UUID]:
    """A run that is under way as far as the server knows."""
    flow_run_id = start_run(server, deployment("sleeper"))

    async def begin(client: PrefectClient) -> None:
        await client.set_flow_run_state(flow_run_id, Running())
        await client.update_flow_run(flow_run_id, infrastructure_pid="somewhere:123")

    server.call(begin)
    yield flow_run_id
    server.call(lambda client: client.delete_flow_run(flow_run_id))


async def sweep_later(client: PrefectClient) -> list[uuid.UUID]:
    """See the runs now, and look again after they have been silent for long enough."""
    clock = Clock()
    watch = Watch(timedelta(seconds=10), clock=clock)
    assert await sweep(client, watch, STALE) == []
    clock.now += 10
    return [run.id for run in await sweep(client, watch, STALE)]


def test_a_lost_run_ends_as_crashed_with_its_tasks_and_says_why(server: Server, run_id: uuid.UUID) -> None:
    async def lose(client: PrefectClient) -> tuple[list[uuid.UUID], TaskRun]:
        task_run = await with_task_run(client, run_id)
        ended = await sweep_later(client)
        return ended, await client.read_task_run(task_run.id)

    ended, task_run = server.call(lose)
    assert ended == [run_id]
    assert task_run.state_type is StateType.CRASHED
    run = server.run(run_id)
    assert run.state_type is StateType.CRASHED
    assert run.state is not None
    assert "No sign of life from somewhere:123 since" in str(run.state.message)
    assert "the next run goes on from there" in str(run.state.message)


def test_a_run_that_was_being_cancelled_ends_as_cancelled(server: Server, run_id: uuid.UUID) -> None:
    async def lose(client: PrefectClient) -> list[uuid.UUID]:
        await client.set_flow_run_state(run_id, Cancelling())
        return await sweep_later(client)

    assert server.call(lose) == [run_id]
    assert server.run(run_id).state_type is StateType.CANCELLED


def test_a_run_that_completes_while_it_is_judged_stays_completed(server: Server, run_id: uuid.UUID) -> None:
    async def race(client: PrefectClient) -> bool:
        judged = await client.read_flow_run(run_id)
        await client.set_flow_run_state(run_id, Completed())
        return await end_run(client, judged, "lost")

    assert server.call(race) is False
    assert server.run(run_id).state_type is StateType.COMPLETED


def test_runs_that_a_lost_one_had_asked_for_are_cancelled(server: Server, run_id: uuid.UUID) -> None:
    async def children(client: PrefectClient) -> list[State | None]:
        parent = await client.read_flow_run(run_id)
        task_run = await with_task_run(client, run_id)
        ids = []
        for state in (Scheduled(), Running()):
            child = await client.create_flow_run_from_deployment(
                parent.deployment_id or uuid.uuid4(), parent_task_run_id=task_run.id, state=state
            )
            ids.append(child.id)
        await client.set_flow_run_state(ids[1], Pending())
        await end_parts(client, parent)
        states = [(await client.read_flow_run(child_id)).state for child_id in ids]
        for child_id in ids:
            await client.delete_flow_run(child_id)
        return states

    scheduled, running = server.call(children)
    assert scheduled is not None
    assert running is not None
    assert scheduled.type is StateType.CANCELLED
    assert running.type is StateType.CANCELLING
