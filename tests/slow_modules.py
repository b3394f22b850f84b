"""`-m slow` imports those modules alone that have slow tests: importing all of them takes longer than some of these."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

MARK = "slow"


@cache
def may_have_slow_tests(module: Path) -> bool:
    """Whether the mark stands in its text, as it must."""
    return f"mark.{MARK}" in module.read_text(encoding="utf-8")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A module of tests without the mark, where slow tests are asked for."""
    if config.option.markexpr == MARK and collection_path.match("test_*.py"):
        return True if not may_have_slow_tests(collection_path) else None
    return None


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Raises UsageError for a slow test that `-m slow` would not find, whenever it is left out of another run."""
    if hidden := [
        item.nodeid for item in items if item.get_closest_marker(MARK) and not may_have_slow_tests(item.path)
    ]:
        raise pytest.UsageError(f"marked as {MARK} by other modules than their own: {', '.join(hidden)}")
