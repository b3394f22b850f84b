"""Of a schedule's runs that fell due while no agent was up, only the newest runs."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from orchestration.prefect.deploy.deployments import ScheduleSpec
from orchestration.prefect.deploy.registration import Code, register
from orchestration.prefect.operate.catch_up import skip_superseded, superseded
from orchestration.settings import REPOSITORY
from tests.orchestration.prefect.conftest import QUIET, Server, deployment

pytestmark = QUIET
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def due(deployment_id: uuid.UUID, minute: int, *, by_schedule: bool = True) -> FlowRun:
    start = NOON + timedelta(minutes=minute)
    return FlowRun(
        id=uuid.uuid4(),
        flow_id=uuid.uuid4(),
        deployment_id=deployment_id,
        next_scheduled_start_time=start,
        auto_scheduled=by_schedule,
    )


def test_all_but_the_newest_run_of_each_schedule_are_superseded() -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    first, second, third, alone = due(one, 0), due(one, 15), due(one, 30), due(other, 0)
    assert superseded([third, alone, first, second]) == [first, second]


def test_a_run_that_somebody_asked_for_is_never_superseded() -> None:
    one = uuid.uuid4()
    asked_for = due(one, 0, by_schedule=False)
    assert superseded([asked_for, due(one, 15)]) == []


def test_the_server_shows_superseded_runs_as_skipped(server: Server) -> None:
    """The agent was away for forty minutes."""
    quarter_hourly = ScheduleSpec("*/15 * * * *", on=True)
    spec = replace(deployment("sleeper"), name="scheduled", schedule=quarter_hourly)

    async def fall_due(client: PrefectClient) -> list[str | None]:
        registered = await register(client, [spec], Code(REPOSITORY, "test"), alert_url=None)
        deployment_id = registered.deployments[spec.full_name]
        now = datetime.now(UTC)
        window = {"start_time": (now - timedelta(minutes=40)).isoformat(), "end_time": now.isoformat()}
        await client._client.post(f"/deployments/{deployment_id}/schedule", json=window)
        await skip_superseded(client)
        own = DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id]))
        runs = await client.read_flow_runs(deployment_filter=own, sort=FlowRunSort.EXPECTED_START_TIME_ASC)
        for run in runs:
            await client.delete_flow_run(run.id)
        await client.delete_deployment(deployment_id)
        return [run.state_name for run in runs if run.expected_start_time and run.expected_start_time <= now]

    *older, newest = server.call(fall_due)
    assert older
    assert set(older) == {"Skipped"}
    assert newest in ("Scheduled", "Late")
