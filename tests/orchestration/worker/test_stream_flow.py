"""The flow that lands one stream, asked for an invalid window: it fails with its name, and reports it to the asking
run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import StateType
from prefect.states import State

from ingest.errors import ConfigurationError
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.prefect.operate.api import prefect_api
from orchestration.worker.handoff import Handoff
from orchestration.worker.stream_flow import land_stream
from tests.orchestration.prefect.conftest import QUIET

pytestmark = QUIET


@pytest.fixture
def lake(lake_settings: LakeSettings, prefect_home: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The lake that the flow's settings name. Nothing answers at its sources."""
    variables = {
        "RAW_BUCKET": lake_settings.bucket,
        "AWS_ENDPOINT_URL": lake_settings.endpoint_url or "",
        "AWS_REGION": lake_settings.region,
        "POSTGRES_DSN": "postgresql://ingest@127.0.0.1:1/shop",
        "WAIT_BUDGET_SECONDS": "0",
        "PREFECT_HOME": str(prefect_home),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return ObjectStore(lake_settings)


def land(**parameters: object) -> State[Any]:
    with prefect_api(quiet=True):
        state: State[Any] = land_stream("orders", **parameters, return_state=True)  # type: ignore[arg-type]
    return state


@pytest.mark.parametrize(
    ("window", "refusal"),
    [
        ({"backfill_from": "2026-01-01T00:00:00Z"}, "orders: backfill_from is given without backfill_to"),
        ({"backfill_to": "2026-01-01"}, "orders: backfill_to is given without backfill_from"),
        ({"backfill_from": "2026-02-30", "backfill_to": "2026-03-01"}, "backfill_from is '2026-02-30', which is not"),
        ({"backfill_from": "2026-03-01", "backfill_to": "2026-03-01T00:00:00Z"}, "orders: the window is empty"),
    ],
)
def test_a_window_that_is_none_fails_by_name_and_leaves_a_hand_off(
    lake: ObjectStore, window: dict[str, str], refusal: str
) -> None:
    state = land(**window)
    note = Handoff.read(lake, str(state.state_details.flow_run_id)).error

    assert state.type is StateType.FAILED
    assert refusal in str(state.message)
    assert note is not None
    assert isinstance(note.error(), ConfigurationError)
    assert refusal in str(note.error())


def test_times_without_a_zone_are_utc_and_the_window_is_tried(lake: ObjectStore) -> None:
    """It reaches the step of opening the source, which does not exist."""
    state = land(backfill_from="2026-01-01T00:00:00", backfill_to="2026-01-02 00:00")
    note = Handoff.read(lake, str(state.state_details.flow_run_id)).error

    assert note is not None
    assert note.kind == "UnreachableError"
