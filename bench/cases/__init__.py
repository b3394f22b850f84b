"""The cases: one module each, and their list."""

from __future__ import annotations

from bench.case import Case
from bench.cases import dbt, idle, load, pages, postgres, saas, small_tables, startup, week

_ALL = (
    postgres.CASE,
    postgres.MEMORY,
    small_tables.CASE,
    saas.CASE,
    idle.CASE,
    load.CASE,
    dbt.CASE,
    pages.CASE,
    week.CASE,
    week.WHOLE,
    startup.CASE,
)
CASES: dict[str, Case] = {case.name: case for case in _ALL}
DEFAULT = tuple(case.name for case in _ALL if not case.by_name)
"""The cases of a run that names none."""
