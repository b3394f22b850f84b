"""The number of statements that dbt sends in a run of only new rows: each has a cost, however few rows it finds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import pytest

from bench.week.statements import OF_A_RUN
from bench.week.statements import statements as expected
from tests.snowflake.dbt.history import History
from tests.snowflake.dbt.test_dbt import sent

_NODE = re.compile(r'"node_id": "([^"]+)"')
_WHAT_THERE_IS = re.compile(r"\bshow (terse schemas|objects|user functions) in ", re.IGNORECASE)
"""dbt asks once, by the first node that needs it: of RAW by two, where they begin at once."""


@pytest.fixture
def of_news(history: History, statements: Sequence[str]) -> Sequence[str]:
    """dbt's statements in the second run, before which no source has changed its tables."""
    _, second, third = (run.first_statement for run in history.runs)
    return [statement for statement in statements[second:third] if '"app": "dbt"' in statement]


def test_each_node_sends_what_the_cost_model_counts(history: History, of_news: Sequence[str]) -> None:
    asked = [statement for statement in of_news if _WHAT_THERE_IS.search(statement)]
    counted = Counter(found[1] for one in of_news if one not in asked and (found := _NODE.search(one)))
    nodes = {key: node for key, node in history.runs[1].result.manifest()["nodes"].items() if key in counted}
    assert len(nodes) > 120
    assert dict(counted) == {key: expected(node, everything=False) for key, node in nodes.items()}
    assert len(asked) <= OF_A_RUN


def test_what_was_granted_and_described_stays(of_news: Sequence[str]) -> None:
    """Marts keep their tables. If no column has changed, no statement asks for grants or contracts."""
    assert sent(of_news, r"^insert overwrite into \w+\.MART\.dim_customer")
    assert not sent(of_news, r"^(begin|commit|drop|create or replace table \w+\.MART)")
    assert not sent(of_news, r"^(grant|show grants on \w+\.MART\.(dim|fct|bridge)_)")
    assert not sent(of_news, r"^comment on table \w+\.(MART|SNAPSHOTS)")
