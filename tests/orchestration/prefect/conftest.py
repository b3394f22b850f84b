"""A Prefect server in a process of its own, and agents that take work from it."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, TypeVar

import httpx
import pytest
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, PREFECT_EXPERIMENTAL_EVENTS, PREFECT_UI_URL, temporary_settings

from local.environment import clean_environment
from local.processes import Command, Process, ProcessGroup
from orchestration.prefect.deploy.deployments import DeploymentSpec
from orchestration.prefect.deploy.forms import form
from orchestration.prefect.deploy.registration import Code, register
from orchestration.runtime.names import PLATFORM_QUEUE
from orchestration.settings import REPOSITORY

T = TypeVar("T")
LATE_AFTER_SECONDS = 2

# Prefect's own: agents and their infrastructure are old to it, and it gives httpx a path of certificates.
QUIET = [
    pytest.mark.filterwarnings("ignore::prefect._internal.compatibility.deprecated.PrefectDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.verify=<str>. is deprecated:DeprecationWarning"),
]


@dataclass(frozen=True)
class Server:
    """A running Prefect server. `ui_url` is the address in its links."""

    url: str
    ui_url: str
    process: Process

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that a program needs to find the server."""
        return {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_UI_URL": self.ui_url,
            "PREFECT_EXPERIMENTAL_EVENTS": "true",
            "PREFECT_AGENT_QUERY_INTERVAL": "1",
        }

    def call(self, work: Callable[[PrefectClient], Awaitable[T]]) -> T:
        """Call `work` with a client of the server."""

        async def with_client() -> T:
            async with get_client() as client:
                return await work(client)

        settings: dict[Any, Any] = {
            PREFECT_API_URL: self.api_url,
            PREFECT_UI_URL: self.ui_url,
            PREFECT_EXPERIMENTAL_EVENTS: True,
        }
        with temporary_settings(updates=settings):
            return asyncio.run(with_client())

    def run(self, flow_run_id: uuid.UUID) -> FlowRun:
        """Return the present state of a flow run."""
        return self.call(lambda client: client.read_flow_run(flow_run_id))

    def wait_for(self, flow_run_id: uuid.UUID, states: Sequence[str], seconds: float = 120) -> FlowRun:
        """Return a flow run, once it is in one of these states."""
        run = self.run(flow_run_id)
        deadline = time.monotonic() + seconds
        while run.state_name not in states:
            assert time.monotonic() < deadline, f"it is {run.state_name}, not {states}: {run.state}"
            time.sleep(0.2)
            run = self.run(flow_run_id)
        return run


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_server(processes: ProcessGroup, home: Path, port: int, **variables: str) -> Server:
    """Start a server with these environment variables. Its runs count as late after LATE_AFTER_SECONDS."""
    ui_url = f"http://localhost:{port}"
    environment = {
        "PREFECT_HOME": str(home),
        # Prefect fills this folder at its first start. Two servers that share it must not do that at once.
        "PREFECT_UI_STATIC_DIRECTORY": str(home / "ui"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_UI_URL": ui_url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_EXPERIMENTAL_EVENTS": "true",
        "PREFECT_API_SERVICES_LATE_RUNS_AFTER_SECONDS": str(LATE_AFTER_SECONDS),
        "PREFECT_API_SERVICES_LATE_RUNS_LOOP_SECONDS": "1",
        **variables,
    }
    factory = (
        "--factory",
        "orchestration.prefect.operate.server:create_app",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    )
    command = Command(
        "Prefect server",
        (sys.executable, "-m", "uvicorn", *factory),
        home / "server.log",
        clean_environment(environment),
        REPOSITORY,
    )
    process = processes.spawn(command)
    server = Server(f"http://127.0.0.1:{port}", ui_url, process)
    process.wait_until(lambda: _answers(server), 90)
    return server


def _answers(server: Server) -> bool:
    try:
        return httpx.get(f"{server.api_url}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


@dataclass
class Agent:
    """An agent's process, with its own temporary directory and so its own heartbeat."""

    process: subprocess.Popen[str]
    module: str
    environment: dict[str, str]
    temporary: Path
    log: Path

    def health(self) -> int:
        """Return the exit code of its health check."""
        return subprocess.run(
            [sys.executable, "-m", self.module, "health"], env=self.environment, capture_output=True, check=False
        ).returncode

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30) -> int:
        """Send a signal, and wait for the agent's end. Return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def wait_for_line(self, text: str, seconds: float = 120) -> None:
        """Wait until the agent's log contains `text`."""
        deadline = time.monotonic() + seconds
        while text not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)


@contextmanager
def running_agent(module: str, api_url: str, folder: Path, **variables: str) -> Iterator[Agent]:
    """Yield an agent, which is killed at the end if it still runs. `folder` is its home, and holds its log."""
    folder.mkdir(parents=True, exist_ok=True)
    # Its socket is in its temporary directory, and the path of a socket has 107 characters at most.
    temporary = Path(mkdtemp(prefix="agent-"))
    environment = clean_environment(
        {
            "PREFECT_API_URL": api_url,
            "PREFECT_EXPERIMENTAL_EVENTS": "true",
            "PREFECT_AGENT_QUERY_INTERVAL": "1",
            "PREFECT_HOME": str(folder),
            "METRICS_PORT": "0",
            "TMPDIR": str(temporary),
            **variables,
        }
    )
    log = folder / "agent.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module], env=environment, stdout=output, stderr=subprocess.STDOUT, text=True
        )
    try:
        yield Agent(process, module, environment, temporary, log)
    finally:
        process.kill()
        process.wait()
        rmtree(temporary, ignore_errors=True)


def deployment(function: str, queue: str = PLATFORM_QUEUE) -> DeploymentSpec:
    """Return a deployment of a flow of `flows.py`, on any queue; it takes any parameters."""
    return DeploymentSpec(
        flow=f"test-{function}",
        name="test",
        description="",
        entrypoint=f"tests/orchestration/prefect/flows.py:{function}",
        queue=queue,
        tags=(),
        schema={**form({}), "additionalProperties": True},
    )


def start_run(server: Server, spec: DeploymentSpec, **parameters: object) -> uuid.UUID:
    """Register only this deployment, and start a run of it."""

    async def start(client: PrefectClient) -> uuid.UUID:
        registered = await register(client, [spec], Code(REPOSITORY, "test"), alert_url=None)
        run = await client.create_flow_run_from_deployment(
            registered.deployments[spec.full_name], parameters=parameters
        )
        return run.id

    return server.call(start)
