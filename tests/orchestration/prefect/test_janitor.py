"""Runs whose process is gone are ended; runs that live, or end by themselves meanwhile, are left alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from prefect import Task
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State, StateType, TaskRun
from prefect.states import Cancelling, Completed, Pending, Running, Scheduled

from orchestration.prefect.operate.janitor import sweep
from orchestration.runtime.endings import end_parts, end_run
from orchestration.runtime.silence import SilenceWatch
from tests.orchestration.prefect.clock import Clock
from tests.orchestration.prefect.conftest import QUIET, Server, deployment, start_run

pytestmark = QUIET


def a_task() -> None:
    """Stand for the task of task runs."""


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
    """Look at the runs now, and again after they have been silent for long enough."""
    clock = Clock()
    watch = SilenceWatch(timedelta(seconds=10), clock=clock)
    assert await sweep(client, watch) == []
    clock.now += 10
    return [run.id for run in await sweep(client, watch)]


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


def test_a_run_that_is_deleted_while_it_is_judged_needs_no_end(server: Server) -> None:
    flow_run_id = start_run(server, deployment("sleeper"))

    async def race(client: PrefectClient) -> bool:
        judged = await client.read_flow_run(flow_run_id)
        await client.delete_flow_run(flow_run_id)
        await end_parts(client, judged)
        return await end_run(client, judged, "lost")

    assert server.call(race) is False


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
