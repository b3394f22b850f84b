"""dbt's work before the plan is known: the build uses it, and nothing of it is left behind."""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestration.dbt import ahead, runner, waiting
from orchestration.dbt.ahead import RunDbt
from orchestration.dbt.runner import PARSED, DbtFailure, DbtRunner
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.dbt.running.warm import warm_dbt

PROJECT = Path(__file__).parents[1] / "dbt_project"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OrchestrationSettings:
    """The settings of runs that build the tiny project."""
    for name, value in {"DBT_PROJECT_DIR": PROJECT, "DBT_PROFILES_DIR": PROJECT, "RUNS_DIR": tmp_path / "runs"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("ENVIRONMENT", "dev")
    return OrchestrationSettings()


@pytest.fixture
def imported_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use warm dbt, so that runs of dbt's executable need not import it."""
    monkeypatch.setattr(runner, "executable", lambda: warm_dbt("duckdb").executable)


@pytest.fixture
def dbt(settings: OrchestrationSettings, warehouse: DuckDBWarehouse) -> RunDbt:
    warehouse.path.parent.mkdir(exist_ok=True)
    return RunDbt(settings, warehouse, "first")


def _said(folder: Path) -> set[str]:
    return {json.loads(line)["info"]["name"] for line in (folder / "dbt.jsonl").read_text().splitlines()}


def test_a_build_is_done_by_the_process_that_was_started_ahead(
    dbt: RunDbt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dbt:
        dbt.start()
        started = dbt._waiting
        assert started is not None
        monkeypatch.setattr(ahead, "spawn", None)
        monkeypatch.setenv("BREAK", "sql")  # as variables of the build itself are
        with pytest.raises(DbtFailure, match="2 of 7 dbt nodes failed"):
            dbt.runner(full_tests=False).build()
    assert started.returncode == 1
    assert "MainReportArgs" in _said(tmp_path / "runs" / "first" / "dbt")


def test_one_that_is_not_needed_ends_with_the_run(dbt: RunDbt) -> None:
    with dbt:
        dbt.start()
        started = dbt._waiting
    assert started is not None
    with pytest.raises(ProcessLookupError):
        os.kill(started.pid, 0)


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A killed parent closes its end of the pipe without a message."""
    command = waiting.command("duckdb", tmp_path / "templates")
    ended = subprocess.run(command, input="", capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.usefixtures("imported_dbt")
def test_where_it_has_died_the_build_starts_its_own(dbt: RunDbt) -> None:
    with dbt:
        dbt.start()
        assert dbt._waiting is not None
        dbt._waiting.kill()
        dbt._waiting.wait()
        assert dbt.runner(full_tests=True).build(select=["numbers"])


def test_a_project_that_nobody_has_parsed_is_parsed_ahead_once(
    dbt: RunDbt, settings: OrchestrationSettings, warehouse: DuckDBWarehouse, tmp_path: Path
) -> None:
    folder = tmp_path / "runs" / "first"
    with dbt:
        dbt.parse()
        dbt.start()
        dbt.runner(full_tests=True).build(select=["numbers"])
    assert (tmp_path / "runs" / PARSED.name).exists()
    assert "PartialParsingSkipParsing" in _said(folder / "dbt")
    assert [path.name for path in (folder / "parse").iterdir() if path.is_dir()] == []
    with RunDbt(settings, warehouse, "second") as second:
        second.parse()
        assert second._parsing is None


@pytest.mark.usefixtures("imported_dbt")
def test_a_parsing_that_fails_is_left_to_the_build(dbt: RunDbt, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: DbtRunner) -> None:
        raise DbtFailure("dbt could not run")

    monkeypatch.setattr(DbtRunner, "parse", fails)
    with dbt:
        dbt.parse()
        assert dbt.runner(full_tests=True).build(select=["numbers"])


def test_settings_that_cannot_work_are_left_to_the_build(
    settings: OrchestrationSettings, warehouse: DuckDBWarehouse
) -> None:
    unsalted = settings.model_copy(update={"environment": "production", "email_salt": type(settings.email_salt)("")})
    with RunDbt(unsalted, warehouse, "first") as dbt:
        dbt.parse()
        dbt.start()
        assert (dbt._parsing, dbt._waiting) == (None, None)


def test_an_order_is_taken_over_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced: Any = {"OF_THE_TEST": "1"}
    monkeypatch.setattr(waiting.os, "environ", replaced)
    monkeypatch.setattr(waiting.sys, "argv", ["waiting.py", "duckdb"])
    line = waiting.order(["build", "--threads=4"], {"EMAIL_SALT": "ä\n"})
    assert not waiting.wait(io.StringIO(""))
    assert not waiting.wait(io.StringIO(line[:-1]))
    assert replaced == {"OF_THE_TEST": "1"}
    assert waiting.wait(io.StringIO(line))
    assert (waiting.sys.argv, replaced) == (["dbt", "build", "--threads=4"], {"EMAIL_SALT": "ä\n"})
