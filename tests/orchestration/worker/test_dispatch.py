"""Streams landed by workers: which worker lands them, and what happens if a worker is lost."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.settings import IngestSettings
from local.processes import Process
from local.servers.saas_server import SaasServer
from tests.orchestration.worker.conftest import Fleet

WaitUntil = Callable[[Process, Callable[[], bool]], None]
LAND_ONLY = ("--skip-load", "--skip-dbt")


@contextmanager
def slow_page(provider: SaasServer) -> Iterator[Callable[[], bool]]:
    """Make the next page of events take a minute. Yield a function that returns whether it was requested."""
    headers = {"Authorization": f"Bearer {provider.admin_key}"}
    fault = {"kind": "latency", "path": "/v1/events", "seconds": 60, "count": 1}
    with httpx.Client(base_url=provider.base_url, headers=headers, trust_env=False) as admin:
        number = admin.post("/admin/faults", json=fault).raise_for_status().json()["id"]
        yield lambda: any(one["id"] == number and one["fired"] for one in admin.get("/admin/faults").json())


def landed_event_ids(settings: IngestSettings) -> list[str]:
    store = ObjectStore(settings.lake)
    keys = [file.key for commit in CommitLog(store, "email_events").since(0) for file in commit.files]
    bodies = [body for key in keys if (body := store.get(key)) is not None]
    assert len(bodies) == len(keys)
    tables = [pq.read_table(pa.BufferReader(body), columns=["event_id"]) for body in bodies]
    return [str(value) for table in tables for value in table["event_id"].to_pylist()]


@pytest.mark.slow
def test_a_stream_whose_worker_falls_silent_is_landed_once_by_another_though_the_first_wakes_up(
    fleet: Fleet, ingest_settings: IngestSettings, mock_saas_server: SaasServer, wait_until: WaitUntil
) -> None:
    worker = fleet.worker()
    with slow_page(mock_saas_server) as asked:
        flow = fleet.flow("-s", "email_events", "-s", "campaigns", *LAND_ONLY, STALE_RUN_SECONDS="15")
        wait_until(flow, asked)
    silent = next(run for run in fleet.stream_runs() if run["name"] == "email_events")
    pid = int(silent["infrastructure_pid"].partition(":")[2])
    os.kill(pid, signal.SIGSTOP)
    try:
        assert flow.wait(150) == 0, flow.output().decode()
        by_the_second = landed_event_ids(ingest_settings)
        states = [(run["name"], run["state_name"]) for run in fleet.stream_runs()]
    finally:
        os.kill(pid, signal.SIGCONT)

    assert Counter(states) == {
        ("email_events", "Crashed"): 1,
        ("email_events", "Completed"): 1,
        ("campaigns", "Completed"): 1,
    }
    assert by_the_second
    wait_until(worker, lambda: not _is_alive(pid))
    assert landed_event_ids(ingest_settings) == by_the_second


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_streams_that_no_worker_takes_fail_and_say_what_to_look_at(fleet: Fleet) -> None:
    flow = fleet.flow("-s", "campaigns", *LAND_ONLY, INGEST_START_SECONDS="2")

    assert flow.wait(120) == 1
    assert "campaigns: no worker took it within" in flow.output().decode()
    assert fleet.stream_runs()[-1]["state_name"] == "Cancelled"


@pytest.mark.slow
def test_small_tables_and_streams_without_news_are_landed_by_the_run_itself(fleet: Fleet) -> None:
    streams = ("-s", "products", "-s", "warehouses", "-s", "campaigns", *LAND_ONLY)
    first = fleet.flow(*streams, INGEST_DEPLOYMENT="")
    assert first.wait(120) == 0, first.output().decode()
    before = fleet.stream_runs()
    tables = fleet.flow("-s", "products", "-s", "warehouses", "--keys", *LAND_ONLY, INGEST_START_SECONDS="2")
    assert tables.wait(120) == 0, tables.output().decode()

    again = fleet.flow(*streams, "--no-keys", INGEST_START_SECONDS="2")

    assert again.wait(120) == 0, again.output().decode()
    assert fleet.stream_runs() == before


@pytest.mark.slow
def test_a_deployment_that_is_not_there_is_bad_input(fleet: Fleet) -> None:
    flow = fleet.flow("-s", "campaigns", *LAND_ONLY, INGEST_DEPLOYMENT="no/such")

    assert flow.wait(120) == 2
    assert "Prefect has no deployment 'no/such'" in flow.output().decode()


@pytest.mark.slow
def test_streams_cannot_be_handed_out_without_a_server(fleet: Fleet) -> None:
    flow = fleet.flow("-s", "products", *LAND_ONLY, PREFECT_API_URL="")

    assert flow.wait(120) == 2
    assert "PREFECT_API_URL" in flow.output().decode()
