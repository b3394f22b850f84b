"""With `-m slow` only modules with slow tests are imported, because importing all takes longer than some of these
tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

MARK = "slow"


@cache
def may_have_slow_tests(module: Path) -> bool:
    """Return whether the module's text contains the mark, as it must."""
    return f"mark.{MARK}" in module.read_text(encoding="utf-8")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore a test module without the mark if slow tests are requested."""
    if config.option.markexpr == MARK and collection_path.match("test_*.py"):
        return True if not may_have_slow_tests(collection_path) else None
    return None


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Raise UsageError for a slow test that `-m slow` would not find, whenever another run leaves it out."""
    if hidden := [
        item.nodeid for item in items if item.get_closest_marker(MARK) and not may_have_slow_tests(item.path)
    ]:
        raise pytest.UsageError(f"marked as {MARK} by other modules than their own: {', '.join(hidden)}")
