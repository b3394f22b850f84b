"""The directories under .local/: emptied for each run, but for what takes seconds to make; held by one at a time."""

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


def test_what_dbt_has_parsed_is_kept_and_nothing_else_of_its_runs(tmp_path: Path) -> None:
    with open_state(tmp_path / "demo") as state:
        (state.runs / "partial_parse.msgpack").write_text("parsed")
        (state.runs / "partial_parse.4711").write_text("killed while it was copied")
        (state.runs / "compiled_templates").write_text("compiled")
        (state.runs / "compiled_templates.4711").write_text("killed while it was written")
        (state.runs / "a-run" / "dbt").mkdir(parents=True)

    with open_state(tmp_path / "demo") as state:
        assert {path.name for path in state.runs.iterdir()} == {"compiled_templates", "partial_parse.msgpack"}


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
