"""A run directory lives as long as its stack, and what a killed stack left behind is removed by the next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.run_directory import open_run_directory, sweep

HOLD_AND_DIE = """
import os, signal, sys
from pathlib import Path
from local.run_directory import open_run_directory

with open_run_directory(Path(sys.argv[1])) as run:
    (run.path / "left").write_text("behind")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_directory_can_be_traversed_but_not_listed_by_others(tmp_path: Path) -> None:
    with open_run_directory(tmp_path) as run:
        assert run.path.stat().st_mode & 0o777 == 0o711


def test_directory_is_removed_at_the_end(tmp_path: Path) -> None:
    with open_run_directory(tmp_path) as run:
        (run.path / "data").mkdir()

    assert not run.path.exists()


def test_directory_in_use_is_left_alone(tmp_path: Path) -> None:
    with open_run_directory(tmp_path) as run, open_run_directory(tmp_path) as other:
        assert sweep(tmp_path) == ()
        assert run.path.exists()
        assert other.path.exists()


def test_inherited_lock_keeps_the_directory(tmp_path: Path) -> None:
    with open_run_directory(tmp_path) as run:
        inherited = os.dup(run.lock)
        os.close(run.lock)
        try:
            assert sweep(tmp_path) == ()
        finally:
            os.dup2(inherited, run.lock)
            os.close(inherited)


def test_directory_of_a_killed_run_is_swept(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", HOLD_AND_DIE, str(tmp_path)], check=False)
    (abandoned,) = tmp_path.iterdir()

    with open_run_directory(tmp_path):
        assert not abandoned.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
def test_directory_of_another_user_is_left_alone(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", HOLD_AND_DIE, str(tmp_path)], check=False)
    (abandoned,) = tmp_path.iterdir()
    os.chown(abandoned, 65534, 65534)

    assert sweep(tmp_path) == ()
    assert abandoned.exists()
