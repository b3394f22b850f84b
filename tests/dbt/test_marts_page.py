"""docs/MARTS.md has every mart and every table of the platform's own, each with a query that runs."""

from __future__ import annotations

import re

from orchestration.warehouse.ops.rows import ROW_TYPES
from tests.dbt.running.project import REPOSITORY, mart_names
from tests.dbt.running.raw_database import RawDatabase


def test_the_page_has_each_mart_with_a_query_that_runs(built: RawDatabase) -> None:
    page = (REPOSITORY / "docs" / "MARTS.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert sections.keys() == mart_names() | {kind.table for kind in ROW_TYPES}
    examples = {}
    for mart, text in sections.items():
        [examples[mart]] = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
        assert f"MART.{mart}" in examples[mart]
    built.queries(examples)
