"""A run in Prefect's UI: logs in task runs, a state that names the failure, artifacts to read."""

from __future__ import annotations

import logging
from uuid import UUID

import pytest
from prefect.client.schemas.objects import StateType

from ingest.errors import ConfigurationError
from tests.orchestration.flow.conftest import Platform
from tests.orchestration.prefect.conftest import QUIET

pytestmark = QUIET


@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
def test_a_failed_run_explains_itself(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAK", "sql")
    code, run_id = platform.run_by_command("--stream", "warehouses")

    assert code == 1
    _check_node_logs(platform, run_id)
    state = platform.flow_run(run_id).state
    assert state is not None
    assert state.type is StateType.FAILED
    assert str(state.message).splitlines()[0] == "1 problem: dbt model doubled and 1 more"
    assert "2 of 7 dbt nodes failed, 1 were skipped after them" in str(state.message)
    log = platform.flow_run_log(run_id)
    assert log[-1] == (logging.ERROR, f"Failed: {state.message}")
    assert not [line for _, line in log if "Traceback" in line or "Created task run" in line]
    assert (logging.INFO, "warehouses: 6 rows landed in") in [(level, line[:28]) for level, line in log]
    summary = platform.artifact(run_id, "run-summary")
    assert summary.index("## What failed: 1 problem") < summary.index("## What was done")
    assert 'Referenced column "nonsense"' in summary


def _check_node_logs(platform: Platform, run_id: UUID) -> None:
    """Check that each node's task run has dbt's lines about the node, and no other's."""
    runs = platform.task_runs(run_id)
    numbers = platform.task_run_log(runs["numbers"].id)
    assert [level for level, _ in numbers] == [logging.INFO] * 3
    started, created, rows = (line for _, line in numbers)
    assert started == "1 of 7 START sql table model main.numbers [RUN]"
    assert created.startswith("1 of 7 OK created sql table model main.numbers [OK in ")
    assert rows.startswith("3 rows in ")

    doubled = platform.task_run_log(runs["doubled"].id)
    errors = "\n".join(line for level, line in doubled if level == logging.ERROR)
    assert "ERROR creating sql view model main.doubled" in errors
    assert 'Referenced column "nonsense" not found' in errors
    assert any("compiled/tiny/models/doubled.sql" in line for _, line in doubled)
    assert [line for _, line in platform.task_run_log(runs["summed"].id) if "SKIP relation main.summed" in line]
    assert "warehouses: 6 rows landed" in platform.task_run_log(runs["warehouses"].id)[0][1]
    assert "warehouses: 1 versions loaded, 6 rows" in platform.task_run_log(runs["load warehouses"].id)[0][1]


def test_a_run_that_could_not_begin_says_why(platform: Platform) -> None:
    with pytest.raises(ConfigurationError, match="there is no stream 'nope'"):
        platform.run(streams=["nope"])

    run = platform.newest_flow_run()
    assert run.state is not None
    assert run.state.type is StateType.FAILED
    assert str(run.state.message).startswith("The run could not begin: there is no stream 'nope'")
