"""`--deploy`: a run on the agent is followed from the terminal to its end."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings
from rich.console import Console

from ingest.errors import ConfigurationError
from local.environment import clean_environment
from orchestration.prefect.deploy import follow
from orchestration.prefect.deploy.deploy import deploy_and_run
from orchestration.prefect.deploy.deployments import DeploymentSpec
from orchestration.prefect.deploy.registration import Code, register
from orchestration.settings import REPOSITORY
from tests.orchestration.prefect.conftest import QUIET, Server, deployment, running_agent

pytestmark = QUIET
_PATIENCE_SECONDS = 120


def follow_run(server: Server, spec: DeploymentSpec, **parameters: object) -> tuple[int, str]:
    """Start a run and follow it. Return the exit code, and the output."""
    console = Console(file=io.StringIO(), width=200)

    async def start(client: PrefectClient) -> int:
        registered = await register(client, [spec], Code(REPOSITORY, "test"), alert_url=None)
        deployment_id: uuid.UUID = registered.deployments[spec.full_name]
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await follow.start_and_follow(client, deployment_id, parameters, console)

    code = server.call(start)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


@pytest.mark.slow
def test_a_run_is_told_of_task_by_task_and_its_end_is_the_exit_code(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "STARTED", tmp_path / "started")
    with running_agent("tests.orchestration.prefect.platform_agent", server.api_url, tmp_path / "agent"):
        code, output = follow_run(server, deployment("sleeper"))
        assert code == 0
        assert follow.STARTED.exists()
        assert f"{server.ui_url}/flow-runs/flow-run/" in output
        assert "Completed sleep-0" in output
        assert output.index("Scheduled") < output.index("sleep-0")

        code, output = follow_run(server, deployment("failing"))
        assert code == 1
        assert "Failed: orders: it is broken" in output


def test_a_window_is_what_another_deployment_is_for() -> None:
    with pytest.raises(ConfigurationError, match="takes no window"):
        deploy_and_run({"backfill_from": "2026-01-01"}, Console())


def test_without_a_server_there_is_nothing_to_follow() -> None:
    with temporary_settings(updates={PREFECT_API_URL: None}), pytest.raises(ConfigurationError, match="is not set"):
        deploy_and_run({}, Console())


@pytest.mark.slow
def test_without_a_server_the_command_says_what_to_set(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "orchestration/prefect/flow.py", "--deploy"],
        env=clean_environment({"PREFECT_HOME": str(tmp_path), "COLUMNS": "200"}),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2, process.stderr
    assert "PREFECT_API_URL is not set" in process.stderr
    assert "Traceback" not in process.stderr
