"""`make demo` from end to end: it checks itself, works repeatedly, and stops on request."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import psutil
import pytest

from ingest.contracts.registry import PACKAGED, ContractRegistry
from local.demo.answers import QUESTIONS, marts
from local.environment import clean_environment
from orchestration.dbt import waiting
from orchestration.warehouse.answer import Answer
from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.ops.tables import READERS_VIEWS
from tests.dbt.running.project import mart_names

PATIENCE = 60.0
NOW = "2028-02-29T23:58:00Z"
OWN_CLOCK = {
    # A version is valid from when the database's clock says that it was written, and its key is made of that.
    "dim_product": {"product_key", "valid_from", "valid_to"},
    "dim_product_current": {"product_key"},
    "dim_customer_history": {"customer_version_key", "valid_from", "valid_to"},
    "dim_warehouse_history": {"warehouse_version_key", "valid_from", "valid_to"},
    "dim_campaign_history": {"campaign_version_key", "valid_from", "valid_to"},
    "fct_inventory_daily": {"product_key"},
    # When the database's clock says that the row was written; when it happened is placed_at and moved_at.
    "fct_order_lines": {"recorded_at", "product_key"},
    "fct_orders": {"recorded_at", "shipped_at", "delivered_at", "cancelled_at", "hours_to_ship", "hours_to_deliver"},
    "fct_stock_movements": {"recorded_at", "product_key"},
}
"""The columns that carry the run's own clock, by mart: all others follow from NOW."""
MARTS = mart_names() - READERS_VIEWS
"""What the shop and its provider are asked by. What runs leave of themselves is shown by the pages."""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by this module's demos, as a clone's .local is: Prefect's database is made once."""
    return tmp_path_factory.mktemp("demo_state")


@contextmanager
def demo(state: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "local", "demo", "--scale", "0.05"]
    variables = clean_environment({"LOCAL_STATE": str(state), **environment})
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.fixture(scope="module")
def shown(state: Path) -> str:
    """The output of a demo on a leap day. Its published files stay until the next demo."""
    with demo(state, BUSINESS_NOW=NOW) as process:
        text, _ = process.communicate()
    assert process.returncode == 0, text
    return text


def published(state: Path) -> Path:
    return state / "demo" / "warehouse" / "published" / "DP_MAILBLAZE_DEMO_DEV_DB.duckdb"


@pytest.mark.slow
def test_demo_proves_itself(state: Path, shown: str) -> None:
    text = shown
    lines = [line.split() for line in text.splitlines()]

    streams = {contract.stream for contract in ContractRegistry.load(PACKAGED).values()}
    reconciled = {line[0]: line[1:] for line in lines if line and line[-1] == "equal"}
    assert reconciled.keys() == streams
    assert f"After run 1: equal for {len(streams)} of {len(streams)}." in text
    assert "Traceback" not in text
    assert "The business's time is 2028-02-29 23:58:00 UTC." in text
    ask = partial(run_query, published(state), limit=None)
    assert {table.name for table in marts(ask)} == MARTS
    assert all(table.rows for table in marts(ask))
    assert all(ask(question.sql).rows for question in QUESTIONS)


@pytest.mark.slow
def test_the_business_ends_at_now(state: Path, shown: str) -> None:
    times = "select max(occurred_at), (select max(placed_at) from MART.fct_order_lines) from MART.fct_email_events"
    ((last_event, last_order),) = run_query(published(state), times, limit=None).rows
    end = datetime(2028, 2, 29, 23, 58)  # noqa: DTZ001 - marts hold UTC without a zone
    # A quiet night of a small shop, and an event counts once it has settled.
    assert end - timedelta(hours=2) < last_event < end
    assert end - timedelta(hours=12) < last_order < end


@pytest.mark.slow
def test_equal_now_gives_equal_marts(state: Path, shown: str, tmp_path: Path) -> None:
    first = Path(shutil.copy(published(state), tmp_path))
    with demo(state, BUSINESS_NOW=NOW) as process:
        text, _ = process.communicate()
    assert process.returncode == 0, text

    one, other = business_rows(first), business_rows(published(state))
    assert one.keys() == other.keys() == MARTS
    for mart, rows in one.items():
        assert rows == other[mart], mart


def business_rows(file: Path) -> dict[str, list[str]]:
    """Return every mart's rows in a fixed order, without the columns of the run's own clock."""
    ask = partial(run_query, file, limit=None)
    return {mart: rows_of(ask, mart) for mart in (table.name for table in marts(ask))}


def rows_of(ask: Callable[[str], Answer], mart: str) -> list[str]:
    answer = ask(f"select * from MART.{mart}")
    own = OWN_CLOCK.get(mart, set())
    assert own <= set(answer.columns)
    kept = [number for number, column in enumerate(answer.columns) if column not in own]
    return sorted(repr([row[number] for number in kept]) for row in answer.rows)


@pytest.mark.parametrize("now", ["2028-02-29", "2028-02-30T00:00:00Z", "1066-10-14T09:00:00Z", "now"])
def test_a_bad_now_is_refused_before_anything_starts(tmp_path: Path, now: str) -> None:
    with demo(tmp_path / "state", BUSINESS_NOW=now) as process:
        text, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 2
    assert text.startswith(f"Failed: NOW is '{now}'")
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
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

    assert any(Path(part) == Path(waiting.__file__) for command in commands for part in command), "dbt was under way"
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
    """Return a process's command line; empty if it has ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
