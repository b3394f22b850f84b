"""The assignment of tests to workers of pytest-xdist: tests that share something expensive run in one worker.

`--dist loadscope` uses it.
"""

from __future__ import annotations

from collections import OrderedDict
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
    "tests/snowflake/dbt/test_statements.py": THE_LINE,
}
"""What takes seconds or minutes to make, by the beginning of the path of those that use it."""
APART = "tests/snowflake/"
"""Where modules share little, each test may run in any worker."""
SHARED_BY_SLOW_TESTS = {
    "tests/orchestration/prefect/": PREFECT,
    "tests/orchestration/worker/": PREFECT,
    "tests/local/test_demo.py": "a demo that has ended",
    "tests/dbt/test_questions.py": "a simulated shop and its marts",
}
"""What slow tests share: each of the others takes far longer than what it stands on, and may run in any worker."""
LONGEST_FIRST = (
    THE_LINE,
    "tests/snowflake/test_demo.py",
    "tests/snowflake/dbt/test_compiled.py",
    "tests/snowflake/test_bad_days.py",
    "tests/snowflake/test_refusals.py",
    "tests/snowflake/dbt/test_border.py",
    "tests/snowflake/test_idle_runs.py",
    SHARED_BY_SLOW_TESTS["tests/local/test_demo.py"],
    SHARED_BY_SLOW_TESTS["tests/dbt/test_questions.py"],
    DBT,
    PREFECT,
    "tests/dbt/test_partial.py",
    "tests/bench/test_week.py",
    "tests/test_end_to_end.py",
    "tests/local/test_other_clock.py",
    "tests/dbt/test_calendar.py",
    "tests/dbt/test_incremental.py",
    "tests/dbt/test_oddities.py",
    "tests/orchestration/test_add_a_table.py",
    "tests/chaos/test_campaigns.py",
    "tests/ingest/run/test_postgres_runs.py",
)
"""What takes longest begins first, so that no worker is left alone with it: what is shared, or the beginning of a path.

The others follow, those with the most tests first.
"""


class Together(LoadScopeScheduling):
    """A scheduler in which one worker runs all tests of a module, and all tests that share something.

    The mark `xdist_group` of pytest-xdist 3.8 has no effect under pytest 9, because it sets a removed attribute.
    """

    _is_in_order = False

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid, slow=self.config.option.markexpr == "slow")

    def _assign_work_unit(self, node: Any) -> None:
        if not self._is_in_order:
            self.workqueue = OrderedDict(sorted(self.workqueue.items(), key=lambda item: place_of(item[0])))
            self._is_in_order = True
        super()._assign_work_unit(node)


def scope_of(nodeid: str, *, slow: bool = False) -> str:
    """Return the group of tests that share a worker."""
    module = nodeid.partition("::")[0]
    for path, shared in (SHARED_BY_SLOW_TESTS if slow else SHARED).items():
        if module.startswith(path):
            return shared
    if slow:
        return nodeid
    return nodeid if module.startswith(APART) and module != "tests/snowflake/dbt/test_compiled.py" else module


def place_of(scope: str) -> int:
    """Return the position of a group among those that begin first; most come after all of these."""
    return next((place for place, first in enumerate(LONGEST_FIRST) if scope.startswith(first)), len(LONGEST_FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together | None:
    """Return the scheduler Together, or None if another `--dist` is chosen."""
    return Together(config, log) if config.option.dist == "loadscope" else None
