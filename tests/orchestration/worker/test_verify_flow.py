"""The flow that compares whole tables: its landing before the comparison, its messages, and its table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from prefect import get_client
from prefect.client.schemas.objects import StateType
from prefect.states import State
from pydantic import SecretStr

from ingest.contracts.author import draft_contract
from ingest.contracts.introspect import live_tables
from ingest.contracts.registry import SUFFIX
from ingest.lake.objects.store import ObjectStore
from ingest.settings import IngestSettings, LakeSettings
from orchestration.prefect.operate.api import prefect_api
from orchestration.worker import verify_flow
from orchestration.worker.verify_flow import verify_streams
from tests.ingest.run.world import ITEMS, World
from tests.orchestration.prefect.conftest import QUIET

pytestmark = QUIET
OTHERS = ITEMS[ITEMS.index("create table") :].replace("items", "others")


@pytest.fixture
def shop(
    empty_database: str,
    lake_settings: LakeSettings,
    prefect_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """Two tables with contracts, and the settings that lead the flow to them."""
    variables = {
        "RAW_BUCKET": lake_settings.bucket,
        "AWS_ENDPOINT_URL": lake_settings.endpoint_url or "",
        "AWS_REGION": lake_settings.region,
        "POSTGRES_DSN": empty_database,
        "CONTRACTS_DIR": str(tmp_path),
        "HORIZON_MARGIN_SECONDS": "0",
        "WAIT_BUDGET_SECONDS": "0",
        "PREFECT_HOME": str(prefect_home),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = IngestSettings(postgres_dsn=SecretStr(empty_database), lake=lake_settings)
    with closing(psycopg2.connect(empty_database)) as connection:
        connection.autocommit = True
        world = World(settings, connection, ObjectStore(lake_settings))
        world.execute(f"{ITEMS}; {OTHERS}")
        world.execute("insert into items select g, 'row' from generate_series(1, 10) g; insert into others values (1)")
        for stream, table in live_tables(connection, ["public.items", "public.others"]).items():
            path = tmp_path / f"{stream.removeprefix('public.')}{SUFFIX}"
            path.write_text(draft_contract(table), encoding="utf-8")
        yield world


def run(**parameters: object) -> tuple[State[Any], dict[str, dict[str, Any]]]:
    """Run the flow with the ephemeral API. Return its state, and its table's rows by stream."""
    with prefect_api(quiet=True):
        state: State[Any] = verify_streams(**parameters, return_state=True)  # type: ignore[arg-type]
        chosen = {"id": {"any_": [str(state.state_details.flow_run_id)]}}
        with get_client(sync_client=True) as client:
            [artifact] = client._client.post("/artifacts/filter", json={"flow_runs": chosen}).json()
    assert artifact["key"] == verify_flow.TABLE
    return state, {row["stream"]: row for row in json.loads(artifact["data"])}


def test_what_was_lost_fails_the_run_by_name_until_it_is_repaired(shop: World) -> None:
    state, _ = run()  # lands all first
    assert (state.type, state.message) == (StateType.COMPLETED, "2 streams are equal to their sources")

    shop.execute("update items set value = 'seen' where id = 1; delete from items where id = 2")
    shop.execute("alter table items disable trigger user; update items set value = 'lost' where id = 3")
    state, table = run()
    assert state.type is StateType.FAILED
    assert "items: 1 row changed in value (id=3)" in str(state.message)
    assert "ingest verify items --repair" in str(state.message)
    assert "others" not in str(state.message)
    assert [(row["stream"], row["outcome"], row["equal"]) for row in table.values()] == [
        ("items", "DIFFERS", 8),
        ("others", "equal", 1),
    ]

    state, table = run(streams=["items"], repair=True)
    assert (state.type, table["items"]["outcome"]) == (StateType.COMPLETED, "repaired")
    assert state.message == "1 streams are equal to their sources, 1 of them repaired"
    state, table = run()
    assert (state.type, table["items"]["equal"]) == (StateType.COMPLETED, 9)


def test_a_stream_that_cannot_be_compared_fails_by_name_and_the_others_are_compared(shop: World) -> None:
    shop.execute("drop table items")
    state, table = run()
    assert state.type is StateType.FAILED
    assert "items: the source no longer matches its contract" in str(state.message)
    assert table["items"]["outcome"].startswith("NOT COMPARED")
    assert table["others"]["outcome"] == "equal"
