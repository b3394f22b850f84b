"""Maintenance: the files that it removes, its judgement of freshness, its messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Running, State

from ingest.contracts.registry import ContractRegistry
from ingest.lake.objects.store import ObjectStore
from ingest.lake.read_mark import ReadMark
from ingest.settings import LakeSettings
from orchestration.ops.freshness import freshness_of, present_of
from orchestration.prefect.operate.api import prefect_api
from orchestration.prefect.operate.janitor import watch_once
from orchestration.prefect.operate.maintenance import maintain
from orchestration.settings import OrchestrationSettings
from orchestration.worker.handoff import Handoff
from tests.orchestration.lake_builder import AT, LakeBuilder, contract, thing
from tests.orchestration.prefect.conftest import QUIET, Server, deployment, start_run

pytestmark = QUIET
DAY = timedelta(days=1)


@pytest.fixture
def house(lake_settings: LakeSettings, prefect_home: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The lake that the flow's settings name."""
    variables = {
        "RAW_BUCKET": lake_settings.bucket,
        "AWS_ENDPOINT_URL": lake_settings.endpoint_url or "",
        "AWS_REGION": lake_settings.region,
        "PREFECT_HOME": str(prefect_home),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return ObjectStore(lake_settings)


def run(**parameters: object) -> tuple[State[Any], dict[str, Any]]:
    """Run the flow with the ephemeral API. Return its state, and its tables by key."""
    with prefect_api(quiet=True):
        state: State[Any] = maintain(**parameters, return_state=True)
        run = {"id": {"any_": [str(state.state_details.flow_run_id)]}}
        with get_client(sync_client=True) as client:
            artifacts = client._client.post("/artifacts/filter", json={"flow_runs": run}).json()
    return state, {artifact["key"]: json.loads(artifact["data"]) for artifact in artifacts}


def test_what_nothing_reads_is_removed_and_streams_that_were_never_landed_fail_the_run(house: ObjectStore) -> None:
    orphan = LakeBuilder(house, ContractRegistry.load()["orders"]).put(b"lost", 1, version=1, part=0)
    Handoff(stream="orders", host="worker").write(house, "a-run")

    run()
    assert house.get(orphan.key) == b"lost"
    assert Handoff.read(house, "a-run").host == "worker"

    state, tables = run(grace_hours=0, handoff_hours=0)
    assert house.get(orphan.key) is None
    assert list(house.list("_runs/")) == []
    assert {row["stream"]: row["removed"] for row in tables["maintenance-gc"]}["orders"] == 1
    assert state.type is StateType.FAILED
    assert "orders was never landed" in str(state.message)
    assert {row["fresh"] for row in tables["maintenance-freshness"]} == {"NO"}


@pytest.mark.parametrize(("age", "stale"), [(DAY, False), (DAY + timedelta(seconds=1), True)])
def test_a_stream_is_too_old_where_its_watermark_is(lake: LakeBuilder, age: timedelta, stale: bool) -> None:
    lake.data([thing(1)])
    judged = freshness_of(lake.store, lake.contract, now=AT + age, default=DAY)
    assert judged.stale is stale
    assert judged.age_text == "1 d"


def test_a_quiet_stream_is_as_fresh_as_the_last_run_that_read_it(lake: LakeBuilder) -> None:
    commit = lake.data([thing(1)])
    mark = ReadMark(until=AT + 9 * DAY, version=1, batch_id=commit.batch_id)
    mark.write(lake.store, "things")
    judged = freshness_of(lake.store, lake.contract, now=AT + 10 * DAY, default=DAY)
    assert not judged.stale
    assert judged.read_until == AT + 9 * DAY
    late = freshness_of(lake.store, lake.contract, now=AT + 11 * DAY, default=DAY)
    assert late.stale
    assert str(late) == "things was last read 2 d ago, and may be 1 d"


def test_a_stream_without_a_row_is_fresh_once_it_was_read(lake: LakeBuilder) -> None:
    ReadMark(until=AT, version=0, batch_id=None).write(lake.store, "things")
    assert not freshness_of(lake.store, lake.contract, now=AT + DAY, default=DAY).stale
    assert freshness_of(lake.store, lake.contract, now=AT + 2 * DAY, default=DAY).stale


def test_a_stream_that_is_landed_whole_is_too_old_once_nobody_reads_it(store: ObjectStore) -> None:
    lake = LakeBuilder(store, contract(mode="snapshot", deletes="none"))
    commit = lake.snapshot([thing(1)])
    ReadMark(until=AT + 9 * DAY, version=1, batch_id=commit.batch_id).write(store, "things")
    assert not freshness_of(store, lake.contract, now=AT + 10 * DAY, default=DAY).stale
    assert freshness_of(store, lake.contract, now=AT + 11 * DAY, default=DAY).stale


def test_a_stream_of_which_nobody_says_how_old_it_may_be_is_not_judged(lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    judged = freshness_of(lake.store, lake.contract, now=AT + 100 * DAY, default=None)
    assert not judged.judged
    assert not judged.stale


def test_a_stream_that_is_landed_whole_is_not_too_old_because_it_did_not_change(store: ObjectStore) -> None:
    lake = LakeBuilder(store, contract(mode="snapshot", deletes="none"))
    never = freshness_of(store, lake.contract, now=AT, default=DAY)
    assert never.stale
    assert str(never) == "things was never landed"
    lake.snapshot([thing(1)])
    assert not freshness_of(store, lake.contract, now=AT + 100 * DAY, default=DAY).stale


def test_the_present_of_a_provider_is_where_the_business_s_time_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock stands there; the database's goes on, wherever the business is."""
    contracts = ContractRegistry.load()
    stands = datetime(2028, 2, 29, 23, 58, tzinfo=UTC)
    monkeypatch.setenv("BUSINESS_NOW", stands.isoformat())
    settings = OrchestrationSettings.load()
    assert present_of(contracts["email_events"], settings) == stands
    assert abs(present_of(contracts["orders"], settings) - datetime.now(UTC)) < timedelta(minutes=1)
    monkeypatch.setenv("BUSINESS_NOW", "")
    settings = OrchestrationSettings.load()
    assert abs(present_of(contracts["email_events"], settings) - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_janitor_of_a_maintenance_run_watches_for_as_long_as_it_takes(server: Server) -> None:
    run_id = start_run(server, deployment("sleeper"))

    async def lose(client: PrefectClient) -> list[FlowRun]:
        await client.set_flow_run_state(run_id, Running())
        return await watch_once(client, timedelta(seconds=1), look_every=0.2)

    assert run_id in {lost.id for lost in server.call(lose)}
    assert server.run(run_id).state_type is StateType.CRASHED
