"""Agents run their queues' runs, show that they poll, and leave nothing behind when they are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from ingest.errors import ConfigurationError
from local.environment import clean_environment
from local.processes import ProcessGroup
from orchestration.runtime.agent import AgentSpec, run_agent
from orchestration.runtime.names import INGEST_QUEUE, MAINTENANCE_QUEUE, PLATFORM_QUEUE
from orchestration.runtime.warm import WarmProcesses
from tests.orchestration.prefect.conftest import (
    QUIET,
    Agent,
    Server,
    deployment,
    free_port,
    running_agent,
    start_run,
    start_server,
)

pytestmark = QUIET
PLATFORM_AGENT = "tests.orchestration.prefect.platform_agent"
INGEST_AGENT = "tests.orchestration.prefect.ingest_agent"


def task_states(server: Server, flow_run_id: uuid.UUID) -> set[StateType | None]:
    """Return the states of the run's tasks."""
    own = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    return {run.state_type for run in server.call(lambda client: client.read_task_runs(flow_run_filter=own))}


def process_of(server: Server, flow_run_id: uuid.UUID) -> int:
    """Return the process id of a run under way."""
    return int(str(server.run(flow_run_id).infrastructure_pid).partition(":")[2])


def fork_server(agent: Agent) -> psutil.Process:
    """Return the process from which the agent's flow runs are forked."""
    process = psutil.Process(agent.process.pid)
    [found] = [child for child in process.children() if child.cmdline() == process.cmdline()]
    return found


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "queues"), [(PLATFORM_AGENT, (PLATFORM_QUEUE, MAINTENANCE_QUEUE)), (INGEST_AGENT, (INGEST_QUEUE,))]
)
def test_an_agent_runs_what_its_queues_hold_and_is_healthy_once_it_polls(
    server: Server, tmp_path: Path, module: str, queues: tuple[str, ...]
) -> None:
    runs = [start_run(server, deployment("sleeper", queue)) for queue in queues]
    with running_agent(module, server.api_url, tmp_path) as agent:
        for run_id in runs:
            server.wait_for(run_id, ["Completed"])
        assert agent.health() == 0
        assert fork_server(agent).num_threads() == 1  # else a fork is not safe
        assert agent.stop() == 0
        assert agent.health() == 1
        assert "Warning" not in agent.log.read_text()
        assert "ERROR" not in agent.log.read_text()


@pytest.mark.slow
def test_a_fork_server_that_is_killed_is_replaced(server: Server, tmp_path: Path) -> None:
    with running_agent(PLATFORM_AGENT, server.api_url, tmp_path) as agent:
        agent.wait_for_line("takes work from")
        fork_server(agent).kill()
        server.wait_for(start_run(server, deployment("sleeper")), ["Completed"])


def test_an_agent_that_has_not_polled_for_a_minute_is_not_healthy(server: Server, tmp_path: Path) -> None:
    with running_agent(INGEST_AGENT, server.api_url, tmp_path) as agent:
        agent.wait_for_line("takes work from")
        agent.process.kill()
        agent.process.wait()
        heartbeat = agent.temporary / "ingest.polled"
        heartbeat.touch()
        assert agent.health() == 0
        minute_ago = time.time() - 61
        os.utime(heartbeat, (minute_ago, minute_ago))
        assert agent.health() == 1


@pytest.mark.slow
@pytest.mark.parametrize("stubborn", [False, True])
def test_a_stopped_agent_ends_its_runs_and_says_so_on_their_pages(
    server: Server, tmp_path: Path, stubborn: bool
) -> None:
    run_id = start_run(server, deployment("sleeper"), seconds=600, stubborn=stubborn)
    with running_agent(PLATFORM_AGENT, server.api_url, tmp_path) as agent:
        server.wait_for(run_id, ["Running"])
        pid = process_of(server, run_id)
        while not task_states(server, run_id):
            time.sleep(0.1)
        assert agent.stop() == 0
    run = server.run(run_id)
    assert run.state is not None
    assert run.state.type is StateType.CRASHED
    assert "was stopped" in str(run.state.message)
    assert task_states(server, run_id) <= {StateType.CRASHED, StateType.FAILED, StateType.CANCELLED}
    assert not is_there(pid)


@pytest.mark.slow
def test_a_run_whose_process_is_killed_ends_at_once_with_its_tasks(server: Server, tmp_path: Path) -> None:
    run_id = start_run(server, deployment("sleeper"), seconds=600)
    with running_agent(PLATFORM_AGENT, server.api_url, tmp_path):
        server.wait_for(run_id, ["Running"])
        while not task_states(server, run_id):
            time.sleep(0.1)
        os.kill(process_of(server, run_id), signal.SIGKILL)
        run = server.wait_for(run_id, ["Crashed"])
        assert run.state is not None
        assert "non-zero status code -9" in str(run.state.message)
        assert "the next run goes on from there" in str(run.state.message)
        while StateType.RUNNING in task_states(server, run_id):
            time.sleep(0.1)
        assert task_states(server, run_id) == {StateType.CRASHED}


@pytest.mark.slow
def test_runs_of_a_killed_agent_are_ended_when_it_starts_again(server: Server, tmp_path: Path) -> None:
    run_id = start_run(server, deployment("sleeper"), seconds=600)
    with running_agent(PLATFORM_AGENT, server.api_url, tmp_path) as agent:
        server.wait_for(run_id, ["Running"])
        pid = process_of(server, run_id)
        agent.process.kill()
        os.kill(pid, signal.SIGKILL)
        agent.process.wait()
        while is_there(pid):
            time.sleep(0.1)
    with running_agent(PLATFORM_AGENT, server.api_url, tmp_path) as agent:
        run = server.wait_for(run_id, ["Crashed"], seconds=30)
        assert run.state is not None
        assert "was killed" in str(run.state.message)
        next_run = start_run(server, deployment("sleeper"))
        server.wait_for(next_run, ["Completed"])


@pytest.mark.slow
def test_a_run_that_is_cancelled_in_the_ui_is_ended(server: Server, tmp_path: Path) -> None:
    run_id = start_run(server, deployment("sleeper"), seconds=600)
    with running_agent(PLATFORM_AGENT, server.api_url, tmp_path):
        server.wait_for(run_id, ["Running"])
        pid = process_of(server, run_id)
        server.call(lambda client: client.set_flow_run_state(run_id, Cancelling()))
        server.wait_for(run_id, ["Cancelled"])
        assert not is_there(pid)


def test_a_temporary_directory_with_a_path_too_long_for_a_socket_is_named(server: Server, tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    deep.mkdir()
    environment = clean_environment({"PREFECT_API_URL": server.api_url, "TMPDIR": str(deep)})
    answer = subprocess.run(
        [sys.executable, "-m", INGEST_AGENT], env=environment, capture_output=True, text=True, check=False, timeout=120
    )

    assert answer.returncode == 2
    assert "Set TMPDIR to a shorter one" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.slow
def test_an_agent_waits_for_a_server_that_starts_later(processes: ProcessGroup, tmp_path: Path) -> None:
    port = free_port()
    with running_agent(INGEST_AGENT, f"http://127.0.0.1:{port}/api", tmp_path / "agent") as agent:
        agent.wait_for_line("waiting for the API at")
        assert agent.health() == 1
        home = tmp_path / "server"
        home.mkdir()
        server = start_server(processes, home, port)
        agent.wait_for_line("takes work from ingest")
        server.process.stop()
        agent.wait_for_line("the API does not answer")
        start_server(processes, home, port)
        agent.wait_for_line("the API answers again")
        assert agent.stop() == 0


def test_an_agent_without_a_server_to_ask_says_which_setting_it_needs() -> None:
    with (
        temporary_settings(updates={PREFECT_API_URL: None}),
        pytest.raises(ConfigurationError, match="PREFECT_API_URL is not set"),
    ):
        run_agent(AgentSpec("ingest", (INGEST_QUEUE,), {}), WarmProcesses())
