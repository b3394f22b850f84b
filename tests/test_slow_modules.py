"""`-m slow` leaves out no slow test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.slow_modules import pytest_deselected, pytest_ignore_collect


def asking(expression: str) -> Any:
    return SimpleNamespace(option=SimpleNamespace(markexpr=expression))


@pytest.fixture(params=[True, False], ids=["marked", "unmarked"])
def module(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, bool]:
    """A module of tests, and whether the mark stands in its text."""
    path = tmp_path / "test_things.py"
    path.write_text("@pytest.mark.slow\n" if request.param else "@pytest.mark.skip\n", encoding="utf-8")
    return path, request.param


@pytest.mark.parametrize("expression", ["slow", "not slow", ""])
def test_only_where_slow_tests_are_asked_for_modules_without_any_are_left_out(
    module: tuple[Path, bool], expression: str
) -> None:
    path, marked = module
    assert bool(pytest_ignore_collect(path, asking(expression))) is (expression == "slow" and not marked)
    assert pytest_ignore_collect(path.parent, asking(expression)) is None
    assert pytest_ignore_collect(path.with_name("conftest.py"), asking(expression)) is None


@pytest.mark.parametrize("slow", [True, False])
def test_a_slow_test_that_would_not_be_found_fails_the_other_run(module: tuple[Path, bool], slow: bool) -> None:
    path, marked = module
    item: Any = SimpleNamespace(path=path, nodeid="a test", get_closest_marker=lambda name: slow and name == "slow")
    if slow and not marked:
        with pytest.raises(pytest.UsageError, match="a test"):
            pytest_deselected([item])
    else:
        pytest_deselected([item])
