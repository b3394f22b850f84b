"""`make demo` from end to end: it proves itself, works again, and stops when it is told to."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from ingest.contracts.registry import PACKAGED, ContractRegistry
from orchestration.local.demo.answers import QUESTIONS, marts
from orchestration.local.environment import clean_environment
from orchestration.warehouse.query import run_query

PATIENCE = 60.0
MARTS = {
    "dim_campaign",
    "dim_customer",
    "dim_date",
    "dim_product",
    "dim_warehouse",
    "fct_campaign_performance",
    "fct_email_events",
    "fct_email_messages",
    "fct_inventory_daily",
    "fct_order_lines",
    "fct_stock_movements",
}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by this module's demos, as a clone's .local is: Prefect's database is made once."""
    return tmp_path_factory.mktemp("demo_state")


@contextmanager
def demo(state: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "orchestration.local", "demo", "--scale", "0.05"]
    variables = clean_environment({"LOCAL_STATE": str(state), **environment})
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_demo_proves_itself(state: Path) -> None:
    with demo(state) as process:
        text, _ = process.communicate()
    lines = [line.split() for line in text.splitlines()]

    assert process.returncode == 0, text
    streams = {contract.stream for contract in ContractRegistry.load(PACKAGED).values()}
    reconciled = {line[0]: line[1:] for line in lines if line and line[-1] == "equal"}
    assert reconciled.keys() == streams
    assert f"After run 1: equal for {len(streams)} of {len(streams)}." in text
    assert "Traceback" not in text
    published = state / "demo" / "warehouse" / "published" / "DP_MAILBLAZE_DEMO_DEV_DB.duckdb"
    ask = partial(run_query, published, limit=None)
    assert {table.name for table in marts(ask)} == MARTS
    assert all(table.rows for table in marts(ask))
    assert all(ask(question.sql).rows for question in QUESTIONS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_demo_stopped_in_the_middle_leaves_no_process(state: Path, number: signal.Signals) -> None:
    with demo(state) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "int_orders" in line:  # dbt is at work, a process below the flow's
                break
        family = psutil.Process(process.pid).children(recursive=True)
        commands = [command for each in family if (command := command_line(each))]

        process.send_signal(number)
        rest, _ = process.communicate(timeout=PATIENCE)

    assert any(Path(part).name == "dbt" for command in commands for part in command)
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    if number is signal.SIGINT:
        assert process.returncode == 130
        assert rest.endswith("\nStopped: every process that was started has ended.\n")
        assert "Traceback" not in rest


def test_part_that_does_not_start_is_told_in_one_message(state: Path, tmp_path: Path) -> None:
    with demo(state, POSTGRES_BIN=str(tmp_path)) as process:
        text, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert f"Failed: POSTGRES_BIN={tmp_path} has no runnable initdb and postgres." in text
    assert "Traceback" not in text


def command_line(process: psutil.Process) -> list[str]:
    """A process's command line; empty where it has ended since."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
