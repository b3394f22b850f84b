"""dbt's work before the plan is known: the build uses it, and nothing of it is left behind."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from orchestration.dbt import ahead, runner, waiting
from orchestration.dbt.ahead import RunDbt
from orchestration.dbt.runner import PARSED, DbtFailure, DbtProject, spawn
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


def _own_project(folder: Path) -> Path:
    return Path(shutil.copytree(PROJECT, folder / "project", ignore=shutil.ignore_patterns("target", "logs")))


def _until_exists(dbt: RunDbt, path: Path) -> bool:
    """Wait for a file of the started process, as long as that lives."""
    while not path.exists():
        assert dbt._waiting is not None
        assert dbt._waiting.poll() is None
        with suppress(subprocess.TimeoutExpired):
            dbt._waiting.wait(0.05)
    return True


def _parsings(folder: Path) -> set[str]:
    """Return dbt's messages of how it parsed the project."""
    return {name for name in _said(folder) if name.startswith("PartialParsing") or name == "UnableToPartialParse"}


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


@pytest.mark.slow
def test_it_is_started_once_by_however_many_threads(dbt: RunDbt, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Sequence[str]] = []

    def counted(project: DbtProject, command: Sequence[str], **streams: int) -> subprocess.Popen[str]:
        started.append(command)
        return spawn(project, command, **streams)

    monkeypatch.setattr(ahead, "spawn", counted)
    with dbt, ThreadPoolExecutor(4) as pool:
        assert [*pool.map(lambda _: dbt.start(), range(8))]
    assert len(started) == 1


@pytest.mark.slow
def test_one_that_is_not_needed_ends_with_the_run(dbt: RunDbt) -> None:
    with dbt:
        dbt.start()
        started = dbt._waiting
    assert started is not None
    with pytest.raises(ProcessLookupError):
        os.kill(started.pid, 0)


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A killed parent closes its end of the pipe without a message."""
    command = waiting.command("duckdb", tmp_path / "templates", tmp_path / PARSED.name)
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


@pytest.mark.slow
def test_a_project_that_nobody_has_parsed_is_parsed_once(
    dbt: RunDbt, settings: OrchestrationSettings, warehouse: DuckDBWarehouse, tmp_path: Path
) -> None:
    kept = tmp_path / "runs" / PARSED.name
    with dbt:
        dbt.start_unparsed()
        started = dbt._waiting
        dbt.start()
        assert dbt._waiting is started
        dbt.runner(full_tests=False).build(select=["numbers"])
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not _parsings(tmp_path / "runs" / "first" / "dbt")
    with RunDbt(settings, warehouse, "second") as second:
        second.start_unparsed()
        assert second._waiting is None
        second.runner(full_tests=True).build(select=["numbers"])
    assert _parsings(tmp_path / "runs" / "second" / "dbt") >= {"PartialParsingSkipParsing"}


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["a file", "a variable"])
def test_what_has_changed_since_it_was_parsed_is_parsed_again(
    changed: str,
    settings: OrchestrationSettings,
    warehouse: DuckDBWarehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = _own_project(tmp_path) / "models" / "other.sql"
    model.write_text("{{ config(alias=env_var('ALIAS', 'before')) }} select 1 as id")
    warehouse.path.parent.mkdir(exist_ok=True)
    with RunDbt(settings.model_copy(update={"dbt_project_dir": model.parents[1]}), warehouse, "first") as dbt:
        dbt.start()
        assert _until_exists(dbt, tmp_path / "runs" / PARSED.name)
        if changed == "a file":
            model.write_text("{{ config(alias='after') }} select 1 as id")
        else:
            monkeypatch.setenv("ALIAS", "after")
        (node,) = dbt.runner(full_tests=True).build(select=["other"])
    assert node.relation is not None
    assert "after" in node.relation


@pytest.mark.slow
@pytest.mark.usefixtures("imported_dbt")
def test_a_parsing_that_fails_is_left_to_the_build(
    settings: OrchestrationSettings, warehouse: DuckDBWarehouse, tmp_path: Path
) -> None:
    project = _own_project(tmp_path)
    (project / "models" / "broken.sql").write_text("select {{ nonsense(")
    warehouse.path.parent.mkdir(exist_ok=True)
    with RunDbt(settings.model_copy(update={"dbt_project_dir": project}), warehouse, "first") as dbt:
        dbt.start()
        with pytest.raises(DbtFailure, match=r"broken\.sql"):
            dbt.runner(full_tests=True).build()


def test_settings_that_cannot_work_are_left_to_the_build(
    settings: OrchestrationSettings, warehouse: DuckDBWarehouse
) -> None:
    unsalted = settings.model_copy(update={"environment": "production", "email_salt": type(settings.email_salt)("")})
    with RunDbt(unsalted, warehouse, "first") as dbt:
        dbt.start_unparsed()
        dbt.start()
        assert dbt._waiting is None


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
