"""A Prefect server of the tests' own, the deployments in it, and workers to start and to harm."""

from __future__ import annotations

import asyncio
import socket
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.settings import PREFECT_API_URL, PREFECT_EXPERIMENTAL_EVENTS, temporary_settings

from ingest.contracts.registry import ContractRegistry
from ingest.settings import IngestSettings
from orchestration.local.environment import clean_environment
from orchestration.local.processes import Command, Process, ProcessGroup, Stop, process_group
from orchestration.local.run_directory import RunDirectory
from orchestration.local.s3_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from orchestration.prefect.deployments import deployment_specs
from orchestration.prefect.registration import Code, register
from orchestration.worker.names import STREAM_DEPLOYMENT, STREAM_FLOW

ROOT = Path(__file__).parents[3]
_READY_SECONDS = 120.0
_SERVER = ("--factory", "prefect.server.api.server:create_app", "--log-level", "warning")
_SERVER_ENVIRONMENT = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_EXPERIMENTAL_EVENTS": "true"}


@dataclass(frozen=True)
class Fleet:
    """A Prefect server with our deployments, and what it takes to run a flow or a worker against it."""

    api: str
    environment: Mapping[str, str] = field(repr=False)
    processes: ProcessGroup
    logs: Path

    def start(self, name: str, *arguments: str, **environment: str) -> Process:
        """Start a program of ours."""
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
        """The stream runs so far, in the order in which they were asked for."""
        runs: list[dict[str, Any]] = self._ask({"flows": {"name": {"any_": [STREAM_FLOW]}}})
        return sorted(runs, key=lambda run: str(run["created"]))

    def _ask(self, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer = httpx.post(f"{self.api}/flow_runs/filter", json=dict(filters), timeout=30, trust_env=False)
        return list(answer.raise_for_status().json())


@pytest.fixture(scope="session")
def prefect_api(processes: ProcessGroup, stack_logs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The API of a server that has all deployments; one for all tests of a worker process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("prefect_server")
    server = processes.spawn(
        Command(
            "Prefect server",
            (sys.executable, "-m", "uvicorn", *_SERVER, "--host", "127.0.0.1", "--port", str(port)),
            stack_logs / "prefect_server.log",
            clean_environment({"PREFECT_HOME": str(home), **_SERVER_ENVIRONMENT}),
            home,
        )
    )
    api = f"http://127.0.0.1:{port}/api"
    server.wait_until(lambda: _answers(f"{api}/health"), _READY_SECONDS)
    updates = {PREFECT_API_URL: api, PREFECT_EXPERIMENTAL_EVENTS: True}
    with temporary_settings(updates=updates), warnings.catch_warnings():
        # Prefect hands the machine's certificates on in a way that newer releases of httpx warn of.
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.run(_register())
    return api


@pytest.fixture
def fleet(
    prefect_api: str, ingest_settings: IngestSettings, run_directory: RunDirectory, tmp_path: Path
) -> Iterator[Fleet]:
    """Programs that are stopped when the test ends."""
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
    """Wait, for two minutes at most, until something is so; the process must be alive meanwhile."""
    return lambda process, so: process.wait_until(so, _READY_SECONDS)


async def _register() -> None:
    async with get_client() as client:
        assert isinstance(client, PrefectClient)
        specs = deployment_specs(ContractRegistry.load())
        await register(client, specs, Code(ROOT, "tests"), alert_url=None)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
