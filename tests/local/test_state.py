"""The directories under .local/: emptied for each run but for Prefect's finished database, held by one at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.errors import LocalStackError
from local.state import open_state


def test_each_run_begins_with_empty_directories(tmp_path: Path) -> None:
    with open_state(tmp_path / "demo") as state:
        for directory in (state.warehouse, state.runs, state.logs):
            (directory / "old").write_text("of the run before")

    with open_state(tmp_path / "demo") as state:
        assert [list(directory.iterdir()) for directory in (state.warehouse, state.runs, state.logs)] == [[], [], []]


def test_finished_prefect_database_is_kept(tmp_path: Path) -> None:
    with open_state(tmp_path / "demo") as state:
        (state.prefect / "prefect.db").write_text("with all tables")
        state.prefect_made.touch()

    with open_state(tmp_path / "demo") as state:
        assert (state.prefect / "prefect.db").exists()


def test_half_made_prefect_database_is_thrown_away(tmp_path: Path) -> None:
    with open_state(tmp_path / "demo") as state:
        (state.prefect / "prefect.db").write_text("killed while its tables were made")

    with open_state(tmp_path / "demo") as state:
        assert list(state.prefect.iterdir()) == []


def test_second_run_at_once_is_refused(tmp_path: Path) -> None:
    with (
        open_state(tmp_path / "demo"),
        pytest.raises(LocalStackError, match="is in use by another run"),
        open_state(tmp_path / "demo"),
    ):
        pass
