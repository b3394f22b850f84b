"""One writer at a time; the lock ends with its process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ingest.errors import ConfigurationError, ConflictError
from orchestration.warehouse.duckdb.lock import WriterLock

NO_WAIT = timedelta(0)
HOLD = """
import sys
from datetime import timedelta
from pathlib import Path
from orchestration.warehouse.duckdb.lock import WriterLock
with WriterLock(Path(sys.argv[1])).hold("run-of-another", wait=timedelta(0)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that holds the lock until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with process:
        yield process
        process.kill()


def test_the_holder_is_named_to_the_second(tmp_path: Path) -> None:
    heard: list[str] = []
    lock = WriterLock(tmp_path)
    with another_process(tmp_path) as other:
        expected = rf"being written by run run-of-another \(process {other.pid} on .*; waited 0.3 s"
        with (
            pytest.raises(ConflictError, match=expected),
            lock.hold("mine", wait=timedelta(seconds=0.3), on_wait=heard.append),
        ):
            pass
    [who] = heard
    assert who.startswith("run run-of-another")


def test_the_second_goes_on_when_the_first_is_done(tmp_path: Path) -> None:
    with another_process(tmp_path) as other:

        def release(_: str) -> None:
            assert other.stdin is not None
            other.stdin.close()

        with WriterLock(tmp_path).hold("mine", wait=timedelta(seconds=30), on_wait=release) as holder:
            assert (holder.run_id, holder.pid) == ("mine", os.getpid())
            assert WriterLock(tmp_path).holder() == holder


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    with another_process(tmp_path) as other:
        other.kill()
        other.wait()
        stale = WriterLock(tmp_path).holder()
        assert stale is not None
        assert stale.run_id == "run-of-another"
        with WriterLock(tmp_path).hold("mine", wait=NO_WAIT) as holder:
            assert holder.run_id == "mine"
    assert WriterLock(tmp_path).holder() is None


def test_two_holds_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    with (
        WriterLock(tmp_path).hold("first", wait=NO_WAIT),
        pytest.raises(ConflictError, match="run first"),
        WriterLock(tmp_path).hold("second", wait=NO_WAIT),
    ):
        pass


def test_a_directory_that_cannot_be_made_is_a_setting_to_correct(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigurationError, match="Correct WAREHOUSE_DIR"),
        WriterLock(tmp_path / "file" / "warehouse").hold("mine", wait=NO_WAIT),
    ):
        pass
