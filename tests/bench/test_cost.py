"""The cost model: its rules, and the page that must show what it gives for the recorded measurement."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cost.measurement import Measurement
from bench.cost.model import Assumptions, CostModel, Plan, Span, exactly
from bench.cost.page import render
from bench.cost.prices import GENERATION, XSMALL_CREDITS_AN_HOUR, SnowflakePrices
from bench.measure import BenchError
from bench.results import Results

DOCS = Path(__file__).parents[2] / "docs"
MEASURED = Measurement(
    rows=100_000,
    bytes=3e6,
    key_bytes=100_000,
    warehouse_bytes=40e6,
    hour_versions=10,
    hour_rows=200,
    hour_files=10,
    hour_keys=50,
    hour_key_bytes=5_000,
    hour_put=40,
    hour_get=60,
    bytes_a_file=3_000,
    bytes_a_row=30,
    dbt_statements=400,
    dbt_seconds=8,
    load_seconds_a_row=1e-6,
    dbt_seconds_a_new_row=6e-6,
    dbt_seconds_a_row_of_history=1e-6,
)
QUICK = replace(Assumptions(), seconds_a_statement=exactly(0), cloud_credits_a_statement=exactly(0))
"""Statements that cost nothing, so that a run is rows alone."""


def test_the_page_shows_what_the_model_gives_for_the_recorded_measurement() -> None:
    page = (DOCS / "COST.md").read_text(encoding="utf-8")

    assert "<!-- table: month -->\n| USD a month" in page
    assert render(page, Results.read(DOCS / "benchmarks.json")) == page


def test_a_warehouse_costs_what_one_of_the_generation_costs_that_terraform_sets() -> None:
    variables = (DOCS.parent / "terraform" / "variables.tf").read_text(encoding="utf-8")

    assert re.findall(r'generation\s+= optional\(string, "(\d)"\)', variables) == [GENERATION]
    assert SnowflakePrices().xsmall_credits_an_hour == XSMALL_CREDITS_AN_HOUR[GENERATION]


def test_a_table_that_the_model_does_not_have_is_an_error() -> None:
    with pytest.raises(BenchError, match="no table 'yearly'"):
        render("<!-- table: yearly -->\n<!-- end -->", Results.read(DOCS / "benchmarks.json"))


def test_a_case_that_was_not_measured_is_named() -> None:
    with pytest.raises(BenchError, match="python -m bench cost"):
        Measurement.of(Results())


def test_a_run_with_next_to_nothing_to_do_is_billed_for_the_idling_before_it_is_suspended() -> None:
    model = CostModel(replace(MEASURED, hour_rows=0, hour_keys=0, dbt_seconds_a_row_of_history=0), QUICK)
    month = model.month(Plan(runs_a_day=24))

    assert month.load == exactly(pytest.approx(730 * 60 / 3600 * 2.60))
    assert month.transform == month.load


def test_the_first_minute_is_billed_however_soon_a_warehouse_is_suspended() -> None:
    model = CostModel(replace(MEASURED, hour_rows=0, hour_keys=0), replace(QUICK, suspend_seconds=5))

    assert model.month(Plan()).load.low == pytest.approx(730 * 60 / 3600 * 2.60)


def test_a_warehouse_is_never_billed_for_more_than_all_the_time() -> None:
    model = CostModel(replace(MEASURED, dbt_seconds_a_row_of_history=1))

    assert model.month(Plan()).transform.high == pytest.approx(730 * 2.60)


def test_cloud_services_are_charged_only_above_a_tenth_of_the_warehouses_credits() -> None:
    few, many = (
        CostModel(MEASURED, replace(Assumptions(), cloud_credits_a_statement=Span(1e-9, credits)))
        .month(Plan())
        .cloud_services
        for credits in (1e-6, 1e-3)
    )

    assert few == exactly(0)
    assert many.low == 0
    assert many.high > 0


def test_statements_do_not_grow_with_the_size_and_rows_do() -> None:
    only_statements = replace(MEASURED, load_seconds_a_row=0, dbt_seconds_a_new_row=0, dbt_seconds_a_row_of_history=0)
    assert (
        CostModel(only_statements).month(Plan(size=100)).transform == CostModel(only_statements).month(Plan()).transform
    )

    only_rows = CostModel(MEASURED, QUICK)
    assert only_rows.transform_seconds(Plan(size=100)).high == pytest.approx(
        100 * only_rows.transform_seconds(Plan(size=1)).high
    )


def test_fewer_runs_and_one_warehouse_for_both_cost_less() -> None:
    model = CostModel(MEASURED)
    hourly, shared, daily = (model.month(plan).pipeline for plan in (Plan(), Plan(shared=True), Plan(runs_a_day=1)))

    assert shared.low < hourly.low
    assert shared.high < hourly.high
    assert daily.high < hourly.high / 10


def test_small_files_stay_where_they_are_and_large_ones_go_to_infrequent_access() -> None:
    small, large = (
        CostModel(replace(MEASURED, bytes_a_file=size, hour_key_bytes=0)).month(Plan()) for size in (10_000, 10_000_000)
    )

    assert small.s3_storage.low == pytest.approx(small.lake_gb * 0.0245)
    assert large.s3_storage.low < large.lake_gb * 0.0245


def test_the_quotas_of_the_environments_carry_what_the_page_says() -> None:
    model = CostModel(Measurement.of(Results.read(DOCS / "benchmarks.json")))
    folder = DOCS.parent / "terraform" / "environments"
    dev, prod = (
        float(re.findall(r"^monthly_credits\s*=\s*(\d+)", (folder / name).read_text(), re.MULTILINE)[0])
        for name in ("dev.tfvars", "prod.tfvars")
    )

    assert dev > model.month(Plan(runs_a_day=24)).credits.high
    assert prod > model.month(Plan(size=100, runs_a_day=24)).credits.high


def test_every_price_has_its_source_and_date() -> None:
    assert "as of" in (SnowflakePrices.__doc__ or "")
