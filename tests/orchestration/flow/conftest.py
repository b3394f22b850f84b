"""Runs of the flow on the embedded stack and an ephemeral Prefect API of the tests' own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import PREFECT_API_URL, temporary_settings

from ingest.settings import IngestSettings
from local.servers.shop import Shop
from orchestration.prefect.flow import run_once
from orchestration.prefect.operate.api import prefect_api
from orchestration.report import RunFailedError, RunReport
from orchestration.settings import REPOSITORY
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.orchestration.conftest import DATABASE
from tests.orchestration.prefect.conftest import Server

TINY_PROJECT = Path(__file__).parents[1] / "dbt_project"
MARTS = "main"
"""The schema that the tiny project builds in."""


@dataclass(frozen=True)
class Platform:
    """A shop, a provider, a lake and a warehouse, which the environment's variables name for the flow."""

    shop: Shop
    settings: IngestSettings
    warehouse: DuckDBWarehouse

    def run(self, **parameters: object) -> RunReport:
        """Run the flow. A failed run raises RunFailedError."""
        return run_once(**parameters)

    def failed_run(self, **parameters: object) -> RunReport:
        """Run the flow, which must fail. Return its report."""
        with pytest.raises(RunFailedError) as caught:
            run_once(**parameters)
        assert caught.value.report is not None
        return caught.value.report

    def run_by_command(self, *arguments: str) -> tuple[int, UUID]:
        """Run the flow in a process of its own, as a user does.

        Return its exit code, and the run's id that it prints.
        """
        command = [sys.executable, str(REPOSITORY / "orchestration" / "prefect" / "flow.py"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        named = re.search(r"^Run ([0-9a-f-]{36}):", done.stdout, re.MULTILINE)
        assert named, (done.stdout, done.stderr)
        return done.returncode, UUID(named[1])

    def artifact_keys(self) -> set[str]:
        """Return keys of the artifacts of all runs."""
        with prefect_api(quiet=True), get_client(sync_client=True) as client:
            answer = client._client.post("/artifacts/filter", json={})
        return {artifact["key"] for artifact in answer.json()}

    def task_run_log(self, task_run_id: UUID) -> list[tuple[int, str]]:
        """Return levels and lines of a task run's log, in their order."""
        return self._log({"task_run_id": {"any_": [str(task_run_id)]}})

    def flow_run_log(self, run_id: UUID) -> list[tuple[int, str]]:
        """Return levels and lines of a run's log, in their order."""
        return self._log({"flow_run_id": {"any_": [str(run_id)]}})

    def _log(self, asked: dict[str, Any]) -> list[tuple[int, str]]:
        with prefect_api(quiet=True), get_client(sync_client=True) as client:
            answer = client._client.post("/logs/filter", json={"logs": asked, "sort": "TIMESTAMP_ASC"})
        return [(line["level"], line["message"]) for line in answer.json()]

    def artifact(self, run_id: UUID, key: str) -> str:
        """Return the data of one of a run's artifacts."""
        asked = {"artifacts": {"flow_run_id": {"any_": [str(run_id)]}, "key": {"any_": [key]}}}
        with prefect_api(quiet=True), get_client(sync_client=True) as client:
            [artifact] = client._client.post("/artifacts/filter", json=asked).json()
        return str(artifact["data"])

    def flow_run(self, run_id: UUID) -> FlowRun:
        """Return a run in Prefect."""
        with prefect_api(quiet=True), get_client(sync_client=True) as client:
            return client.read_flow_run(run_id)

    def newest_flow_run(self) -> FlowRun:
        """Return the run that began last."""
        with prefect_api(quiet=True), get_client(sync_client=True) as client:
            runs: list[FlowRun] = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)
        return runs[0]

    def task_runs(self, run: RunReport | UUID) -> dict[str, TaskRun]:
        """Return a run's task runs in Prefect, by name."""
        run_id = run if isinstance(run, UUID) else UUID(run.run_id)
        with prefect_api(quiet=True), get_client(sync_client=True) as client:
            runs: list[Any] = client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])), limit=200
            )
        return {run.name: run for run in runs}


@pytest.fixture
def platform(
    shop_database: Shop,
    ingest_settings: IngestSettings,
    tmp_path: Path,
    prefect_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    warm: None,
) -> Platform:
    """The platform, with the tiny dbt project in place of the real one."""
    lake = ingest_settings.lake
    variables = {
        "POSTGRES_DSN": ingest_settings.postgres_dsn.get_secret_value(),
        "SAAS_BASE_URL": ingest_settings.saas_base_url,
        "SAAS_API_KEY": ingest_settings.saas_api_key.get_secret_value(),
        "RAW_BUCKET": lake.bucket,
        "AWS_ENDPOINT_URL": lake.endpoint_url or "",
        "AWS_REGION": lake.region,
        "HORIZON_MARGIN_SECONDS": "0",
        "SAAS_SETTLING_SECONDS": str(ingest_settings.saas_settling_seconds),
        "WAIT_BUDGET_SECONDS": "5",
        "WAREHOUSE_DIR": str(tmp_path / "warehouse"),
        "WAREHOUSE_LOCK_SECONDS": "0",
        "TASK_RETRY_SECONDS": "0",
        "RUNS_DIR": str(tmp_path / "runs"),
        "MART_SCHEMA": MARTS,
        "DBT_PROJECT_DIR": str(TINY_PROJECT),
        "DBT_PROFILES_DIR": str(TINY_PROJECT),
        "PREFECT_HOME": str(prefect_home),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    warehouse = DuckDBWarehouse(tmp_path / "warehouse", DATABASE, lake, mart=MARTS)
    return Platform(shop_database, ingest_settings, warehouse)


@pytest.fixture(params=["ephemeral API", "server"])
def prefect(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs are recorded within their process; and by a server in one of its own."""
    if request.param == "server":
        server: Server = request.getfixturevalue("server")
        monkeypatch.setenv("PREFECT_API_URL", server.api_url)
        with temporary_settings(updates={PREFECT_API_URL: server.api_url}):
            yield
    else:
        yield
