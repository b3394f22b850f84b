"""The pages' figures are MetricFlow's answers on dbt's semantic models; test_numbers.py counts them again in Python."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from analytics import sql
from analytics.metrics import METRICS
from analytics.settings import Settings
from analytics.warehouse.duckdb_file import DuckDBFile
from tests.analytics.marts import DATABASE
from tests.analytics.semantic import Check, ask, checks
from tests.analytics.test_numbers import CASES

WITH_PARTS = ("a month", "all", "countries", "a campaign")

Asked = list[tuple[Check, Mapping[str, object]]]


@pytest.fixture(scope="module")
def answers(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Asked]:
    """The questions under each set of filters, with MetricFlow's answers."""
    work = tmp_path_factory.mktemp("metricflow")
    # dbt opens it to write; the pages' own stays as it was published.
    copy = shutil.copy(warehouse / "published" / f"{DATABASE}.duckdb", work)
    asked = {name: list(checks(case.values(), parts=name in WITH_PARTS)) for name, case in CASES.items()}
    flat = [check for found in asked.values() for check in found]
    told = iter(ask([check.question() for check in flat], work, {"DBT_TARGET": "duckdb", "DUCKDB_PATH": str(copy)}))
    return {name: [(check, next(told)) for check in found] for name, found in asked.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_page_shows_what_metricflow_answers(answers: Mapping[str, Asked], warehouse: Path, name: str) -> None:
    source = DuckDBFile(Settings.of({"WAREHOUSE_DIR": str(warehouse)}))
    different = []
    with source.session(source.publication_id()) as session:
        for check, answer in answers[name]:
            statement = sql.statement(check.query, CASES[name].values())
            different += check.different(session.query(statement.sql, statement.values), answer)

    assert different == []


def test_every_metric_is_compared(answers: Mapping[str, Asked]) -> None:
    compared = {metric for check, _ in answers["a month"] for metric in check.figures.values()}
    parts = {"returning_orders", "orders_of_known_buyers", "gross_amount_with_list_price"}

    assert set(METRICS) - compared == parts | {"list_amount_with_charged_price"}


def test_the_figures_are_some(answers: Mapping[str, Asked]) -> None:
    """Equality is not enough: under no filter but the days, the compared figures are not empty."""
    figures = {
        metric: answer["rows"][0][answer["columns"].index(metric)]
        for check, answer in answers["a month"]
        if not check.key
        for metric in check.figures.values()
    }

    assert [metric for metric, figure in figures.items() if not figure] == []
