"""Which tests run in one worker of pytest-xdist: those that share something dear. `--dist loadscope` asks for it."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

PREFECT = "Prefect's server"
DBT = "a warm dbt, and a warehouse that it has built"
THE_LINE = "the line in two warehouses"
SHARED = {
    "tests/orchestration/prefect/": PREFECT,
    "tests/orchestration/worker/": PREFECT,
    "tests/orchestration/flow/": DBT,
    "tests/dbt/": DBT,
    "tests/snowflake/dbt/test_dbt.py": THE_LINE,
    "tests/snowflake/dbt/test_lint.py": THE_LINE,
    "tests/snowflake/dbt/test_parity.py": THE_LINE,
    "tests/snowflake/dbt/test_questions.py": THE_LINE,
}
"""What takes seconds or minutes to make, by the beginning of the path of those that use it."""
APART = "tests/snowflake/"
"""Where modules share little, each test may run in any worker."""


class Together(LoadScopeScheduling):
    """One worker runs all tests that share something, and all of a module.

    The mark `xdist_group` of pytest-xdist 3.8 does nothing under pytest 9: it sets an attribute that is no more.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """What the tests of one worker have in common."""
    module = nodeid.partition("::")[0]
    for path, shared in SHARED.items():
        if module.startswith(path):
            return shared
    return nodeid if module.startswith(APART) and module != "tests/snowflake/dbt/test_compiled.py" else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together | None:
    """By Together, or as another `--dist` says."""
    return Together(config, log) if config.option.dist == "loadscope" else None
