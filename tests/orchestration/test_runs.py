"""Run folders are private, and only the newest are kept."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ingest.errors import ConfigurationError
from orchestration.runs import make_run_folder


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for number in range(5):
        folder = make_run_folder(runs, f"run-{number}", keep=3)
        os.utime(folder.path, ns=(number, number))
    kept = make_run_folder(runs, "run-5", keep=3)
    assert sorted(path.name for path in runs.iterdir()) == ["run-3", "run-4", "run-5"]
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o700
    assert kept.partial_parse.parent == runs


def test_a_place_that_cannot_be_written_is_a_setting_to_correct(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="Correct RUNS_DIR"):
        make_run_folder(tmp_path / "file" / "runs", "run", keep=3)
