"""Stopped in the middle: every process ends, nothing stays locked, and the next run works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta

import psutil
import pytest

from orchestration.settings import REPOSITORY
from tests.orchestration.flow.conftest import Platform
from tests.orchestration.flow.own_data import waiting


@pytest.mark.slow
@pytest.mark.parametrize(("waiting_for", "number"), [("orders", signal.SIGTERM), ("dbt build", signal.SIGINT)])
def test_an_interrupted_run_leaves_nothing_behind(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, waiting_for: str, number: int
) -> None:
    """An orchestrator stops it while streams land; Ctrl-C stops it while dbt is in the middle of a long node."""
    with _slow_run() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if waiting_for in line:
                break
        if waiting_for == "dbt build":
            _wait_for_line(process, "numbers")
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, number)
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert _as_a_shell_says(process.returncode) == 128 + number, (output, errors)
    assert "Traceback" not in errors
    [document] = waiting(platform)
    assert not psutil.wait_procs(children, timeout=10)[1]
    with platform.warehouse.lock("after", wait=timedelta(0)):
        pass

    monkeypatch.setenv("BREAK", "")
    skip_dbt = waiting_for != "dbt build"
    report = platform.run(streams=["orders", "warehouses"], skip_dbt=skip_dbt)
    assert (report.publication is None) == skip_dbt
    assert all(item.equal for item in report.reconciliations)
    with platform.warehouse.connect() as session:
        runs = session.query("select run_id, state, dbt_nodes from main.ops_runs order by started_at")
    assert [row[1] for row in runs] == ["interrupted", "completed"]
    assert str(runs[0][0]) in document
    assert (int(str(runs[0][2])) > 0) == (waiting_for == "dbt build"), "the nodes that had ended"
    assert waiting(platform) == []


@pytest.mark.slow
def test_a_killed_run_is_crashed_once_the_next_one_has_found_it(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record includes its landed rows. It was killed in the middle of dbt, before it could write any record."""
    with _slow_run() as process:
        _wait_for_line(process, "dbt build")
        for each in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
            each.kill()
        process.communicate(timeout=60)
    assert waiting(platform) == []

    monkeypatch.setenv("BREAK", "")
    platform.run(streams=["warehouses"], skip_dbt=True)
    with platform.warehouse.connect() as session:
        runs = session.query("select run_id, state, rows_landed, problem from main.ops_runs order by started_at")
        landed = session.query("select sum(rows) from raw._loads where kind <> 'keys' and run_id = ?", [runs[0][0]])
        streams = session.query("select count(*) from main.ops_run_streams where run_id = ?", [runs[0][0]])
    assert [row[1] for row in runs] == ["crashed", "completed"]
    assert (runs[0][2],) == landed[0]
    assert "was killed" in str(runs[0][3])
    assert streams == [(9,)]
    assert waiting(platform) == []


def _slow_run() -> subprocess.Popen[str]:
    """Return a run whose dbt takes long, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(REPOSITORY / "orchestration" / "prefect" / "flow.py")],
        env={**os.environ, "BREAK": "slow", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


HANGS = """
import signal, sys, threading
from orchestration.prefect.run.stopping import leave_when_stopped

def swallow(number, frame):
    print("asked", flush=True)

with leave_when_stopped(print, unwind_seconds=0.2):
    signal.signal(int(sys.argv[1]), swallow)
    print("begun", flush=True)
    threading.Event().wait()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_does_not_stop_is_left(number: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", HANGS, str(int(number))], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            _wait_for_line(process, "begun")
            process.send_signal(number)
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert output.splitlines() == ["asked", "Stopped. Nothing was half-committed; the next run goes on from here."]
    assert process.returncode == 128 + number


IN_A_CALLBACK = """
import signal, sys, threading, weakref
from prefect.utilities.engine import capture_sigterm
from orchestration.prefect.run.stopping import leave_when_stopped

class Anything:
    def __del__(self):
        signal.raise_signal(int(sys.argv[1]))

def callback(_reference):
    signal.raise_signal(int(sys.argv[1]))

thing = Anything() if sys.argv[2] == "__del__" else type("Plain", (), {})()
reference = weakref.ref(thing, callback) if sys.argv[2] == "callback" else None

with leave_when_stopped(print, unwind_seconds=30), capture_sigterm():
    try:
        del thing
        print("went on", flush=True)
        threading.Event().wait()
    finally:
        print("unwound", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("place", "number"), [("callback", signal.SIGTERM), ("__del__", signal.SIGINT)])
def test_a_stop_that_python_drops_stops_the_run(place: str, number: int) -> None:
    command = [sys.executable, "-c", IN_A_CALLBACK, str(int(number)), place]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[:2] == ["went on", "unwound"]
    assert (_as_a_shell_says(done.returncode), done.stderr) == (128 + number, "")


def _as_a_shell_says(code: int) -> int:
    return 128 - code if code < 0 else code


def _wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"it ended before it said '{text}'")
