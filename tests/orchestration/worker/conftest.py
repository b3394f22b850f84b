"""A Prefect server of the tests' own, the deployments in it, and workers to start and to harm."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import PrefectClient

from ingest.contracts.registry import ContractRegistry
from ingest.settings import IngestSettings
from local.environment import clean_environment
from local.processes import Command, Process, ProcessGroup, Stop, process_group
from local.run_directory import RunDirectory
from local.servers.s3_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from orchestration.prefect.deploy.deployments import deployment_specs
from orchestration.prefect.deploy.registration import Code, register
from orchestration.runtime.names import STREAM_DEPLOYMENT, STREAM_FLOW
from tests.orchestration.prefect.conftest import Server

ROOT = Path(__file__).parents[3]
_READY_SECONDS = 120.0


@dataclass(frozen=True)
class Fleet:
    """A Prefect server with our deployments, and starters of flows and workers that use it."""

    api: str
    environment: Mapping[str, str] = field(repr=False)
    processes: ProcessGroup
    logs: Path
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def start(self, name: str, *arguments: str, **environment: str) -> Process:
        """Start one of our programs."""
        return self.processes.spawn(
            Command(
                name,
                (sys.executable, *arguments),
                self.logs / f"{name}.log",
                {**self.environment, **environment},
                ROOT,
                stop=(Stop("TERM", 10.0), Stop("KILL", 5.0)),
            )
        )

    def worker(self, slots: int = 3) -> Process:
        """Start an ingest worker."""
        return self.start("worker", "-m", "orchestration.worker", INGEST_SLOTS=str(slots))

    def flow(self, *arguments: str, **environment: str) -> Process:
        """Start the platform's flow, which hands its streams out."""
        return self.start("flow", "orchestration/prefect/flow.py", *arguments, **environment)

    def stream_runs(self) -> list[dict[str, Any]]:
        """Return this test's stream runs so far, in the order of their requests."""
        runs: list[dict[str, Any]] = self._ask({"flows": {"name": {"any_": [STREAM_FLOW]}}})
        own = [run for run in runs if datetime.fromisoformat(run["created"]) >= self.since]
        return sorted(own, key=lambda run: str(run["created"]))

    def _ask(self, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer = httpx.post(f"{self.api}/flow_runs/filter", json=dict(filters), timeout=30, trust_env=False)
        return list(answer.raise_for_status().json())


@pytest.fixture(scope="module")
def prefect_api(server: Server) -> str:
    """The API of a server that has all deployments."""
    with warnings.catch_warnings():
        # Prefect hands the machine's certificates on in a way that newer releases of httpx warn of.
        warnings.simplefilter("ignore", DeprecationWarning)
        server.call(_register)
    return server.api_url


@pytest.fixture
def fleet(
    prefect_api: str, ingest_settings: IngestSettings, run_directory: RunDirectory, tmp_path: Path
) -> Iterator[Fleet]:
    """Programs, which are stopped when the test ends."""
    lake = ingest_settings.lake
    environment = clean_environment(
        {
            "PREFECT_API_URL": prefect_api,
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "PREFECT_AGENT_QUERY_INTERVAL": "1",
            "INGEST_DEPLOYMENT": f"{STREAM_FLOW}/{STREAM_DEPLOYMENT}",
            "POSTGRES_DSN": ingest_settings.postgres_dsn.get_secret_value(),
            "SAAS_BASE_URL": ingest_settings.saas_base_url,
            "SAAS_API_KEY": ingest_settings.saas_api_key.get_secret_value(),
            "SAAS_SETTLING_SECONDS": "0",
            "HORIZON_MARGIN_SECONDS": "0",
            "RAW_BUCKET": lake.bucket,
            "AWS_ENDPOINT_URL": lake.endpoint_url or "",
            "AWS_REGION": lake.region,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "WAREHOUSE_DIR": str(tmp_path / "warehouse"),
            "RUNS_DIR": str(tmp_path / "runs"),
            "TASK_RETRIES": "0",
        }
    )
    with process_group(run_directory.lock) as group:
        yield Fleet(prefect_api, environment, group, tmp_path)


@pytest.fixture
def wait_until() -> Callable[[Process, Callable[[], bool]], None]:
    """A function that waits two minutes at most for a condition. The process must stay alive in the meantime."""
    return lambda process, so: process.wait_until(so, _READY_SECONDS)


async def _register(client: PrefectClient) -> None:
    await register(client, deployment_specs(ContractRegistry.load()), Code(ROOT, "tests"), alert_url=None)
