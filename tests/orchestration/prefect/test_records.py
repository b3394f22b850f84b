"""The janitor's other half: a killed run is recorded once Prefect shows that it has ended."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Crashed, Running, State

from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.ops.outbox import Outbox
from orchestration.ops.running import RunningMark, RunningMarks
from orchestration.prefect.operate.records import complete_records
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.connect import duckdb_warehouse
from tests.orchestration.prefect.conftest import QUIET

pytestmark = QUIET


class Api:
    """The part of Prefect's API that is used."""

    def __init__(self, states: dict[str, State[Any]]) -> None:
        self._states = states

    async def read_flow_run(self, run_id: UUID) -> FlowRun:
        if str(run_id) not in self._states:
            raise ObjectNotFound(LookupError())
        return FlowRun(id=run_id, flow_id=uuid4(), state=self._states[str(run_id)])


def api(**states: State[Any]) -> PrefectClient:
    return cast(PrefectClient, Api(states))


@pytest.fixture
def settings(lake_settings: LakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OrchestrationSettings:
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "warehouse"))
    return OrchestrationSettings.load().model_copy(update={"lake": lake_settings})


def complete(client: PrefectClient, settings: OrchestrationSettings) -> list[str]:
    return asyncio.run(complete_records(client, settings, ObjectStore(settings.lake)))


def put_mark(store: ObjectStore, run_id: str, **changes: object) -> None:
    mark = RunningMark.here(
        run_id=run_id, run_name="n", warehouse="duckdb", parameters="{}", started_at=datetime.now(UTC)
    )
    RunningMarks(store).put(mark.model_copy(update=changes))


def test_runs_that_ended_without_a_record_are_crashed_and_others_are_left(
    settings: OrchestrationSettings, store: ObjectStore
) -> None:
    crashed, completed, running, unknown, dead = (str(uuid4()) for _ in range(5))
    for run_id in (crashed, completed, running, unknown):
        put_mark(store, run_id)
    put_mark(store, dead, process_began=1)
    client = api(**{crashed: Crashed(), completed: Completed(), running: Running()})

    assert set(complete(client, settings)) == {crashed, completed, dead}
    assert {mark.run_id for mark in RunningMarks(store).all()} == {running, unknown}
    with duckdb_warehouse(settings).connect() as session:
        found = session.query("SELECT run_id, state FROM mart.ops_runs")
    assert set(found) == {(crashed, "crashed"), (completed, "crashed"), (dead, "crashed")}
    assert Outbox(store).waiting() == []
    assert complete(client, settings) == []


def test_while_somebody_writes_the_warehouse_the_record_waits(
    settings: OrchestrationSettings, store: ObjectStore
) -> None:
    run_id = str(uuid4())
    put_mark(store, run_id)
    with duckdb_warehouse(settings).lock("a run", wait=timedelta(0)):
        assert complete(api(**{run_id: Crashed()}), settings) == [run_id]
    assert [record.run.run_id for record in Outbox(store).waiting()] == [run_id]
