"""dbt's subprocess: events, failures that name their SQL, nothing left behind."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import SecretStr

from ingest.errors import ConfigurationError
from orchestration.dbt.events import EventReader, NodeFinished, NodeStarted, NodeStatus
from orchestration.dbt.runner import PARSED, DbtFailure, DbtProject, DbtRunner, NodeEvent
from orchestration.settings import Schemas
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse

PROJECT = Path(__file__).parents[1] / "dbt_project"
SALT = "salt-of-the-tests"


def runner(tmp_path: Path, breakage: str = "", **changes: Any) -> DbtRunner:
    """Return a runner of the tiny project. `breakage` names the part to break in it."""
    project: dict[str, Any] = {
        "project_dir": PROJECT,
        "profiles_dir": PROJECT,
        "target": "duckdb",
        "threads": 2,
        "environment": {"DUCKDB_PATH": str(tmp_path / "w.duckdb"), "EMAIL_SALT": SALT, "BREAK": breakage},
        "partial_parse": tmp_path / "partial_parse.msgpack",
        "secrets": (SALT,),
    }
    return DbtRunner(DbtProject(**project | changes), tmp_path / "run")


def test_a_build_tells_of_each_node(tmp_path: Path) -> None:
    heard: list[NodeEvent] = []
    results = runner(tmp_path).build(on_event=heard.append)

    assert {(node.name, node.resource_type, node.status) for node in results} == {
        ("numbers", "model", NodeStatus.SUCCESS),
        ("doubled", "model", NodeStatus.SUCCESS),
        ("summed", "model", NodeStatus.SUCCESS),
        ("few", "model", NodeStatus.SUCCESS),
        ("not_null_numbers_n", "test", NodeStatus.PASS),
        ("few_is_few", "test", NodeStatus.PASS),
        ("numbers_are_small", "test", NodeStatus.WARN),
    }
    by_name = {node.name: node for node in results}
    numbers = by_name["numbers"]
    assert (numbers.rows, numbers.materialized, numbers.relation) == (3, "table", '"w"."main"."numbers"')
    odd = by_name["numbers_are_small"]
    assert (odd.failures, odd.description) == (1, "Oddity of the source: numbers above two.")
    assert odd.compiled_path is not None
    assert odd.compiled_path.name == "numbers_are_small.sql"
    assert by_name["doubled"].depends_on == ("model.tiny.numbers",)
    assert numbers.seconds > 0
    assert timedelta(0) < numbers.finished_at - numbers.started_at < timedelta(minutes=5)
    _check_order(heard)
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        assert connection.execute("select n from summed").fetchall() == [(6,)]
    _check_log(tmp_path / "run" / "dbt.jsonl")
    assert not list(PROJECT.glob("target"))
    assert not list(PROJECT.glob("logs"))


def _check_order(heard: list[NodeEvent]) -> None:
    """Check that every node starts once, and then ends once."""
    starts = [event.unique_id for event in heard if isinstance(event, NodeStarted)]
    ends = [event.unique_id for event in heard if isinstance(event, NodeFinished)]
    assert sorted(starts) == sorted(ends)
    for end in heard:
        if isinstance(end, NodeFinished):
            before = heard[: heard.index(end)]
            assert any(isinstance(event, NodeStarted) and event.unique_id == end.unique_id for event in before)


def _check_log(path: Path) -> None:
    log = path.read_text()
    assert '"NodeFinished"' in log
    assert '"SQLQuery"' not in log
    assert SALT not in log


@pytest.mark.usefixtures("warm")
def test_failures_are_named_with_their_compiled_sql_and_parsing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(DbtFailure) as caught:
        runner(tmp_path, "sql").build()
    failed = {node.name: node for node in caught.value.failed}
    compiled = tmp_path / "run" / "target" / "compiled" / "tiny" / "models"
    assert {name: node.compiled_path for name, node in failed.items()} == {
        "doubled": compiled / "doubled.sql",
        "few_is_few": compiled / "models.yml" / "few_is_few.sql",
    }
    assert (failed["doubled"].status, failed["few_is_few"].status) == (NodeStatus.ERROR, NodeStatus.FAIL)
    assert (failed["doubled"].failures, failed["few_is_few"].failures) == (None, 2)
    assert "nonsense" in (compiled / "doubled.sql").read_text()
    skipped = [node.name for node in caught.value.results if node.status is NodeStatus.SKIPPED]
    assert skipped == ["summed"]
    message = str(caught.value)
    assert "2 of 7 dbt nodes failed, 1 were skipped" in message
    assert 'Referenced column "nonsense"' in message
    assert "Got 2 results, configured to fail if != 0" in message
    assert str(compiled / "doubled.sql") in message

    again = DbtRunner(runner(tmp_path).project, tmp_path / "again")
    again.build(select=["numbers"], full_refresh=True)
    assert "PartialParsingEnabled" in _events(tmp_path / "again")


def _events(run_dir: Path) -> set[str]:
    """Return the names of dbt's log events in a run."""
    lines = (run_dir / "dbt.jsonl").read_text().splitlines()
    return {json.loads(line)["info"]["name"] for line in lines}


@pytest.mark.usefixtures("warm")
def test_the_first_run_of_a_project_that_brings_its_parsing_along_parses_nothing(tmp_path: Path) -> None:
    """An image contains its parsing. Another run has another id, and the same parsing."""
    project_dir = tmp_path / "project"
    shutil.copytree(PROJECT, project_dir)
    given = runner(tmp_path, project_dir=project_dir)
    given.parse()
    assert "UnableToPartialParse" in _events(tmp_path / "run")
    (project_dir / PARSED).parent.mkdir()
    (tmp_path / "partial_parse.msgpack").rename(project_dir / PARSED)

    first = DbtRunner(
        replace(given.project, environment={**given.project.environment, "FLOW_RUN_ID": "first"}), tmp_path / "first"
    )
    first.build(select=["numbers"])
    assert "PartialParsingSkipParsing" in _events(tmp_path / "first")


def test_no_other_run_s_dbt_would_parse_the_project_anew() -> None:
    """dbt parses again after a change of a profile, so no profile names the run (dbt/macros/statement_comment.sql)."""
    snowflake = SnowflakeSettings(account="MYORG-MYACCOUNT", host="localhost", password=SecretStr("x"))
    one, another = (
        SnowflakeWarehouse(snowflake, "DB", Schemas(), run_id=run_id).dbt_environment() for run_id in ("one", "another")
    )
    assert one == another


@pytest.mark.usefixtures("warm")
def test_what_dbt_itself_cannot_do_is_told(tmp_path: Path) -> None:
    nowhere = {"EMAIL_SALT": SALT, "DUCKDB_PATH": "/nowhere/w.duckdb"}
    with pytest.raises(DbtFailure, match=r"dbt could not run: .*Cannot open file") as caught:
        runner(tmp_path, environment=nowhere).build()
    assert caught.value.failed == ()
    assert "Traceback" not in str(caught.value)


def test_no_project_is_a_setting_to_correct(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Correct DBT_PROJECT_DIR"):
        runner(tmp_path, project_dir=tmp_path).build()


def test_lines_that_are_not_events_are_passed_over(tmp_path: Path) -> None:
    reader = EventReader(tmp_path)
    assert [reader.read(line) for line in ("", "plain text\n", "[1]", '{"info": {"name": "Note"}}')] == [None] * 4
