"""Children stop when they are told to, and when their parent ends, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.environment import clean_environment
from local.errors import LocalStackError
from local.processes import Command, ProcessGroup, Stop, process_group
from local.run_directory import RunDirectory

PATIENCE = 20.0

STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: print("not yet", flush=True))
print("ready", flush=True)
while True:
    time.sleep(60)
"""

PARENT = """
import select, signal, sys
from pathlib import Path
from local.environment import clean_environment
from local.processes import Command, process_group
from local.run_directory import open_run_directory

signal.signal(signal.SIGINT, signal.default_int_handler)  # a worker of pytest-xdist ignores it, and so would we
with open_run_directory(Path(sys.argv[1])) as run, process_group(run.lock) as group:
    sleeper = (sys.executable, "-c", "import time; time.sleep(600)")
    group.spawn(Command("sleeper", sleeper, Path(sys.argv[1]) / "log", clean_environment(), run.path))
    print("started", flush=True)
    # A signal that comes just before the call is seen when the call returns.
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        pass
"""


@pytest.fixture
def group(run_directory: RunDirectory) -> Iterator[ProcessGroup]:
    with process_group(run_directory.lock) as group:
        yield group


def python(code: str, directory: Path, *stop: Stop) -> Command:
    return Command(
        "child",
        (sys.executable, "-c", code),
        directory / "log",
        clean_environment(),
        directory,
        stop=stop or (Stop("TERM", PATIENCE),),
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("pass", 0),
        ("raise SystemExit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL),
    ],
)
def test_exit_code_is_the_commands(group: ProcessGroup, tmp_path: Path, code: str, expected: int) -> None:
    assert group.spawn(python(code, tmp_path)).wait(PATIENCE) == expected


def test_missing_program_is_told_in_the_log(group: ProcessGroup, tmp_path: Path) -> None:
    process = group.spawn(Command("none", (tmp_path / "none",), tmp_path / "log", {}, tmp_path))

    assert process.wait(PATIENCE) == 127
    assert "cannot start" in (tmp_path / "log").read_text()


def test_stop_goes_through_its_signals(group: ProcessGroup, tmp_path: Path) -> None:
    process = group.spawn(python(STUBBORN, tmp_path, Stop("INT", 0.2), Stop("TERM", PATIENCE)))
    process.wait_until(lambda: "ready" in (tmp_path / "log").read_text(), PATIENCE)

    process.stop()

    assert process.poll() == 128 + signal.SIGTERM
    assert "not yet" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("session", ["same", "own"])
def test_stop_takes_grandchildren_along(group: ProcessGroup, tmp_path: Path, session: str) -> None:
    process = group.spawn(python(grandparent(new_session=session == "own", then="child.wait()"), tmp_path))
    process.wait_until(lambda: process.output().endswith(b"\n"), PATIENCE)
    grandchild = psutil.Process(int(process.output()))

    process.stop()

    assert ended([grandchild])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")
def test_orphans_end_with_a_child_that_crashes(group: ProcessGroup, tmp_path: Path) -> None:
    process = group.spawn(python(grandparent(new_session=True, then="os.kill(os.getpid(), 9)"), tmp_path))

    assert process.wait(PATIENCE) == 128 + signal.SIGKILL
    assert not psutil.pid_exists(int(process.output()))


def test_readiness_ends_with_the_process(group: ProcessGroup, tmp_path: Path) -> None:
    process = group.spawn(python("raise SystemExit('no such luck')", tmp_path))

    with pytest.raises(LocalStackError, match=r"(?s)child ended at once, exit code 1.*no such luck"):
        process.wait_until(lambda: False, PATIENCE)


def _as_a_terminal_starts_it() -> None:
    """Reset ignored signals, which children inherit: under nohup, SIGHUP is ignored."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_no_child_outlives_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_as_a_terminal_starts_it,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        family = psutil.Process(parent.pid).children(recursive=True)
        assert len(family) >= 1

        parent.send_signal(number)
        parent.wait(PATIENCE)

        assert ended(family)


def grandparent(*, new_session: bool, then: str) -> str:
    """Return a program that starts a long sleeper, prints its id, and continues with `then`."""
    return f"""
import os, subprocess, sys
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleeper, start_new_session={new_session})
print(child.pid, flush=True)
{then}
"""


def ended(processes: list[psutil.Process]) -> bool:
    """Wait until all processes have ended. A zombie that its adopter has not reaped counts as ended."""
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
