"""Registration: repeating it changes nothing, a user's changes stay, wrong parameters are refused."""

from __future__ import annotations

import inspect
import subprocess
import sys
import uuid
import warnings
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableUpdate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.schedules import CronSchedule

from ingest.contracts.registry import ContractRegistry
from ingest.errors import ConfigurationError
from local.environment import clean_environment
from orchestration.prefect.deploy.deployments import DeploymentSpec, Schedules, deployment_specs
from orchestration.prefect.deploy.registration import Code, Registered, register
from orchestration.prefect.deploy.schedules import VARIABLE, MadeSchedules, times_of
from orchestration.prefect.deploy.settings import DeploySettings
from orchestration.prefect.flow import dp_maiblaze_demo_dev_flow
from orchestration.prefect.operate.maintenance import maintain
from orchestration.runtime.names import (
    MAINTENANCE_FLOW,
    PLATFORM_FLOW,
    PLATFORM_QUEUE,
    STREAM_FLOW,
    VERIFY_FLOW,
    WORK_POOL,
)
from orchestration.settings import REPOSITORY
from orchestration.worker.stream_flow import land_stream
from orchestration.worker.verify_flow import verify_streams
from tests.orchestration.prefect.conftest import QUIET, Server

pytestmark = QUIET

SPECS = deployment_specs(ContractRegistry.load())
FLOWS: dict[str, Any] = {
    PLATFORM_FLOW: dp_maiblaze_demo_dev_flow,
    STREAM_FLOW: land_stream,
    MAINTENANCE_FLOW: maintain,
    VERIFY_FLOW: verify_streams,
}
WINDOW = {"backfill_from": "2026-01-01T00:00:00.000Z", "backfill_to": "2026-01-02T00:00:00+02:00"}


async def register_all(client: PrefectClient) -> Registered:
    return await register(client, SPECS, Code(REPOSITORY, "test"), alert_url=None)


async def everything(client: PrefectClient) -> dict[str, int]:
    """Return the number of objects of each kind."""
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL]))
    return {
        "pools": len(await client.read_work_pools(work_pool_filter=pool)),
        "queues": len(await client.read_work_queues(work_pool_name=WORK_POOL)),
        "deployments": len(await client.read_deployments()),
        "blocks": len(await client.read_block_documents()),
    }


@pytest.fixture(scope="module")
def registered(server: Server) -> Registered:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return server.call(register_all)


def test_registering_twice_changes_nothing(server: Server) -> None:
    first = server.call(register_all)
    counted = server.call(everything)
    assert server.call(register_all) == first
    assert server.call(everything) == counted
    assert set(first.deployments) == {spec.full_name for spec in SPECS}


def test_a_schedule_that_a_user_switched_on_stays_on(server: Server) -> None:
    server.call(register_all)
    name = f"{PLATFORM_FLOW}/incremental"

    async def switch(client: PrefectClient) -> list[bool]:
        found = await client.read_deployment_by_name(name)
        await client.set_deployment_paused_state(found.id, not found.paused)
        await register_all(client)
        again = await client.read_deployment_by_name(name)
        assert [schedule.active for schedule in again.schedules] == [True]
        return [found.paused, again.paused]

    assert server.call(switch) == [True, False]
    assert server.call(switch) == [False, True]


INCREMENTAL = f"{PLATFORM_FLOW}/incremental"
HOURLY = deployment_specs(ContractRegistry.load(), Schedules(incremental="0 * * * *"))


async def times(client: PrefectClient) -> list[str]:
    return [times_of(item) for item in (await client.read_deployment_by_name(INCREMENTAL)).schedules]


async def told(client: PrefectClient, specs: list[DeploymentSpec]) -> Registered:
    return await register(client, specs, Code(REPOSITORY, "test"), alert_url=None)


def test_the_times_of_a_schedule_that_is_registered_change_with_the_setting_and_it_stays_as_it_was_switched(
    server: Server,
) -> None:
    async def change(client: PrefectClient) -> list[Any]:
        await told(client, SPECS)
        found = await client.read_deployment_by_name(INCREMENTAL)
        await client.set_deployment_paused_state(found.id, False)
        seen: list[Any] = [await times(client)]
        for specs in (HOURLY, HOURLY, SPECS):
            seen += [(await told(client, specs)).kept.get(INCREMENTAL), await times(client)]
        seen.append((await client.read_deployment_by_name(INCREMENTAL)).paused)
        await client.set_deployment_paused_state(found.id, True)
        return seen

    quarters, hours = ["*/15 * * * *"], ["0 * * * *"]
    assert server.call(change) == [quarters, None, hours, None, hours, None, quarters, False]


def test_times_that_a_user_set_in_prefect_stay_and_are_told_until_the_setting_changes(server: Server) -> None:
    async def change(client: PrefectClient) -> list[Any]:
        await told(client, SPECS)
        found = await client.read_deployment_by_name(INCREMENTAL)
        await client.delete_deployment_schedule(found.id, found.schedules[0].id)
        by_hand = CronSchedule(cron="30 6 * * *", timezone="Europe/Berlin")
        await client.create_deployment_schedules(found.id, [(by_hand, True)])
        seen: list[Any] = []
        for specs in (SPECS, HOURLY, SPECS):
            seen += [(await told(client, specs)).kept.get(INCREMENTAL), await times(client)]
        return seen

    own = "30 6 * * * (Europe/Berlin)"
    assert server.call(change) == [own, [own], None, ["0 * * * *"], None, ["*/15 * * * *"]]


@pytest.mark.parametrize("text", ["no json", "[1]", '{"a": 1}'])
def test_a_variable_that_somebody_spoilt_is_as_none(server: Server, text: str) -> None:
    async def spoil(client: PrefectClient) -> tuple[dict[str, str], list[str]]:
        await told(client, SPECS)
        await client.update_variable(VariableUpdate(name=VARIABLE, value=text))
        made = await MadeSchedules.read(client)
        await told(client, HOURLY)
        found = await times(client)
        await told(client, SPECS)
        return dict(made.crons), found

    assert server.call(spoil) == ({}, ["0 * * * *"])


@pytest.mark.parametrize("variable", ["INCREMENTAL_SCHEDULE", "MAINTENANCE_SCHEDULE", "VERIFY_SCHEDULE"])
def test_a_schedule_that_is_no_cron_line_is_bad_input(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "every hour")
    with pytest.raises(ConfigurationError, match=f"{variable}: it is no cron line"):
        DeploySettings.load()
    monkeypatch.setenv(variable, "0 5 * * 1")
    assert "0 5 * * 1" in vars(DeploySettings.load().schedules).values()


def test_the_platforms_queue_takes_one_run_at_a_time_even_where_somebody_lifted_its_limit(server: Server) -> None:
    async def lift(client: PrefectClient) -> int | None:
        await register_all(client)
        queue = await client.read_work_queue_by_name(PLATFORM_QUEUE, work_pool_name=WORK_POOL)
        await client._client.patch(f"/work_queues/{queue.id}", json={"concurrency_limit": None})
        await register_all(client)
        return (await client.read_work_queue_by_name(PLATFORM_QUEUE, work_pool_name=WORK_POOL)).concurrency_limit

    assert server.call(lift) == 1


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_form_shows_only_parameters_that_the_flow_has_with_the_flows_defaults(spec: Any) -> None:
    parameters = inspect.signature(FLOWS[spec.flow].fn).parameters
    fields = spec.schema["properties"]
    hidden = {pattern.strip("^$") for pattern in spec.schema.get("patternProperties", {})}
    assert set(fields) | hidden <= set(parameters)
    for name, field in fields.items():
        assert field["title"]
        assert field["description"]
        if "default" in field:
            assert field["default"] == parameters[name].default
    assert (REPOSITORY / Path(spec.entrypoint.partition(":")[0])).is_file()


@pytest.mark.parametrize(
    ("deployment", "parameters", "refusal"),
    [
        ("full", {"streams": ["order"]}, "'order' is not one of"),
        ("full", {"stream": ["orders"]}, "Additional properties are not allowed"),
        ("full", {"backfill_from": WINDOW["backfill_from"]}, "Additional properties are not allowed"),
        ("incremental", {"keys": True}, "False was expected"),
        ("backfill", WINDOW, "'streams' is a required property"),
        ("backfill", {**WINDOW, "streams": []}, "[]"),
        ("backfill", {**WINDOW, "streams": ["orders"], "backfill_to": "tomorrow"}, "does not match"),
        ("keys", {"streams": ["email_events"]}, "'email_events' is not one of"),
    ],
)
def test_the_api_refuses_wrong_parameters(
    server: Server, registered: Registered, deployment: str, parameters: dict[str, Any], refusal: str
) -> None:
    deployment_id = registered.deployments[f"{PLATFORM_FLOW}/{deployment}"]
    with pytest.raises(httpx.HTTPStatusError) as caught:
        server.call(lambda client: client.create_flow_run_from_deployment(deployment_id, parameters=parameters))
    assert refusal in caught.value.response.json()["detail"]


@pytest.mark.parametrize(
    ("window", "refusal"),
    [
        ({"backfill_from": WINDOW["backfill_from"]}, "'backfill_to' is a dependency of 'backfill_from'"),
        ({"backfill_to": WINDOW["backfill_to"]}, "'backfill_from' is a dependency of 'backfill_to'"),
        ({**WINDOW, "backfill_to": "tomorrow"}, "tomorrow"),
        (WINDOW, None),
        ({"backfill_from": "2026-01-01T00:00:00", "backfill_to": "2026-01-02"}, None),
        (dict.fromkeys(WINDOW), None),
        ({}, None),
    ],
)
def test_the_api_takes_a_whole_window_for_a_stream_or_none(
    server: Server, registered: Registered, window: dict[str, Any], refusal: str | None
) -> None:
    async def create(client: PrefectClient) -> str | None:
        deployment_id = registered.deployments[f"{STREAM_FLOW}/stream"]
        parameters = {"stream": "orders", **window}
        try:
            run = await client.create_flow_run_from_deployment(deployment_id, parameters=parameters)
        except httpx.HTTPStatusError as error:
            return str(error.response.json()["detail"])
        await client.delete_flow_run(run.id)
        return None

    said = server.call(create)
    assert said is None if refusal is None else refusal in str(said)


@pytest.mark.parametrize(
    ("deployment", "parameters"),
    [
        ("full", {}),
        ("full", {"streams": ["orders", "customers"], "full_refresh": True, "keys": False}),
        ("incremental", {}),
        ("backfill", {**WINDOW, "streams": ["orders"]}),
        ("keys", {}),
    ],
)
def test_the_api_takes_right_parameters(
    server: Server, registered: Registered, deployment: str, parameters: dict[str, Any]
) -> None:
    deployment_id = registered.deployments[f"{PLATFORM_FLOW}/{deployment}"]

    async def create(client: PrefectClient) -> dict[str, Any]:
        run = await client.create_flow_run_from_deployment(deployment_id, parameters=parameters)
        await client.delete_flow_run(run.id)
        return run.parameters

    spec = next(spec for spec in SPECS if spec.name == deployment)
    assert server.call(create) == {**spec.parameters, **parameters}


@pytest.mark.slow
def test_prefects_command_line_starts_a_run(server: Server, registered: Registered, tmp_path: Path) -> None:
    name = f"{PLATFORM_FLOW}/backfill"
    arguments = ["deployment", "run", name, "-p", 'streams=["orders"]', *_windowed()]
    process = subprocess.run(
        [Path(sys.executable).with_name("prefect"), *arguments],
        env=clean_environment({**server.environment, "PREFECT_HOME": str(tmp_path), "COLUMNS": "200"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    run_id = uuid.UUID(process.stdout.partition("UUID: ")[2].split()[0])
    run = server.run(run_id)
    assert run.parameters == {"streams": ["orders"], **WINDOW}
    assert f"{server.ui_url}/flow-runs/flow-run/{run_id}" in process.stdout
    server.call(lambda client: client.delete_flow_run(run_id))


def _windowed() -> list[str]:
    return [argument for name, value in WINDOW.items() for argument in ("-p", f'{name}="{value}"')]
