"""The plan that assigns tests to workers names existing tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.together import DBT, LONGEST_FIRST, PREFECT, SHARED, SHARED_BY_SLOW_TESTS, THE_LINE, place_of, scope_of

ROOT = Path(__file__).parents[1]
USES_THE_LINE = re.compile("history: History|statements: (Sequence|tuple)")


def test_every_path_is_there() -> None:
    shared = {*SHARED.values(), *SHARED_BY_SLOW_TESTS.values()}
    paths = {*SHARED, *SHARED_BY_SLOW_TESTS, *(first for first in LONGEST_FIRST if first not in shared)}
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    assert {DBT, PREFECT, THE_LINE} < set(LONGEST_FIRST)


@pytest.mark.parametrize(
    ("nodeid", "quick", "slow"),
    [
        ("tests/dbt/test_partial.py::test_one", DBT, "tests/dbt/test_partial.py::test_one"),
        ("tests/orchestration/worker/test_dispatch.py::test_one", PREFECT, PREFECT),
        ("tests/ingest/test_x.py::test_y[a::b]", "tests/ingest/test_x.py", "tests/ingest/test_x.py::test_y[a::b]"),
        ("tests/snowflake/test_x.py::test_y", "tests/snowflake/test_x.py::test_y", "tests/snowflake/test_x.py::test_y"),
    ],
)
def test_what_runs_in_one_worker(nodeid: str, quick: str, slow: str) -> None:
    assert (scope_of(nodeid), scope_of(nodeid, slow=True)) == (quick, slow)


def test_the_longest_come_first_and_the_others_keep_their_order() -> None:
    scopes = ["tests/test_docs.py", "tests/bench/test_week.py::test_a_day", "tests/common/test_arguments.py", DBT]
    assert sorted(scopes, key=place_of) == [scopes[3], scopes[1], scopes[0], scopes[2]]


def test_whatever_uses_the_line_in_two_warehouses_runs_in_one_worker() -> None:
    modules = [path.relative_to(ROOT) for path in (ROOT / "tests/snowflake/dbt").glob("test_*.py")]
    using = [f"{module}" for module in modules if USES_THE_LINE.search((ROOT / module).read_text(encoding="utf-8"))]
    assert using
    assert {module: scope_of(f"{module}::test_one") for module in using} == dict.fromkeys(using, THE_LINE)
