"""The cost model: its rules, and the page, which must show the model's results for the recorded measurement."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cost import targets
from bench.cost.measurement import Measurement, RunOf
from bench.cost.model import Assumptions, CostModel, Plan, Span, exactly
from bench.cost.page import render
from bench.cost.prices import GENERATION, XSMALL_CREDITS_AN_HOUR, SnowflakePrices
from bench.measure import BenchError
from bench.results import Results
from bench.week.facts import Kind

DOCS = Path(__file__).parents[2] / "docs"
MEASURED = Measurement(
    rows=100_000,
    bytes=3e6,
    key_bytes=100_000,
    warehouse_bytes=40e6,
    warehouse_rows=100_000,
    day_rows=4_800,
    day_keys=1_200,
    day_key_bytes=120_000,
    bytes_a_file=3_000,
    bytes_a_row=30,
    runs={
        Kind.IDLE: RunOf(versions=0, files=0, statements=0, nodes=0, put=20, get=30),
        Kind.PARTIAL: RunOf(versions=6, files=6, statements=300, nodes=80, put=30, get=50),
        Kind.WHOLE: RunOf(versions=10, files=10, statements=600, nodes=150, put=40, get=60),
    },
    idle={96: 0.5, 24: 0.4, 4: 0.0, 1: 0.0},
    load_seconds_a_row=1e-6,
    dbt_seconds_a_new_row=6e-6,
    dbt_seconds_a_row_of_history=1e-6,
)
QUICK = replace(Assumptions(), seconds_a_statement=exactly(0), cloud_credits_a_statement=exactly(0))
"""Statements that cost nothing, so that a run is rows alone."""


def test_the_page_shows_what_the_model_gives_for_the_recorded_measurement() -> None:
    page = (DOCS / "COST.md").read_text(encoding="utf-8")

    assert render(page, Results.read(DOCS / "benchmarks.json")) == page


def test_a_warehouse_costs_what_one_of_the_generation_costs_that_terraform_sets() -> None:
    variables = (DOCS.parent / "terraform" / "variables.tf").read_text(encoding="utf-8")

    assert re.findall(r'generation\s+= optional\(string, "(\d)"\)', variables) == [GENERATION]
    assert SnowflakePrices().xsmall_credits_an_hour == XSMALL_CREDITS_AN_HOUR[GENERATION]


def test_a_table_that_the_model_does_not_have_is_an_error() -> None:
    with pytest.raises(BenchError, match="no table 'yearly'"):
        render("<!-- table: yearly -->\n<!-- end -->", Results.read(DOCS / "benchmarks.json"))


def recorded_model() -> CostModel:
    """Return the model of the recorded figures."""
    return CostModel(Measurement.of(Results.read(DOCS / "benchmarks.json")))


def test_a_page_without_a_measurement_says_so() -> None:
    page = render("<!-- table: month -->\n<!-- end -->\n<!-- table: prices -->\n<!-- end -->", Results())

    assert "<!-- table: month -->\nNot measured: the cost model needs the case `week`: python -m bench week.\n" in page
    assert "| XSMALL, an hour | 2.60 |" in page


def test_a_case_that_was_not_measured_is_named() -> None:
    with pytest.raises(BenchError, match="python -m bench week"):
        Measurement.of(Results())


NO_ROWS = replace(MEASURED, day_rows=0, day_keys=0, dbt_seconds_a_row_of_history=0)


def test_a_run_with_next_to_nothing_to_do_is_billed_for_the_first_minute_of_each_warehouse() -> None:
    month = CostModel(NO_ROWS, QUICK).month(Plan(runs_a_day=24))

    assert month.load == exactly(pytest.approx(730 * 60 / 3600 * 2.60))
    assert month.transform == month.load


def test_a_warehouse_that_is_left_running_idles_until_it_suspends_itself() -> None:
    model = CostModel(NO_ROWS, replace(QUICK, suspend_seconds=300))

    assert model.month(Plan()).transform.low == pytest.approx(730 * 60 / 3600 * 2.60)
    assert model.month(Plan(left_running=True)).transform.low == pytest.approx(730 * 300 / 3600 * 2.60)


def test_a_warehouse_of_loads_alone_runs_until_the_run_ends() -> None:
    """The writer renews its lease on it while dbt builds on the other one (tests/snowflake/test_lease.py)."""
    month = CostModel(MEASURED).month(Plan(size=100))

    assert month.load.high > month.transform.high


def test_a_warehouse_is_never_billed_for_more_than_all_the_time() -> None:
    model = CostModel(replace(MEASURED, dbt_seconds_a_row_of_history=1))

    for plan in (Plan(), Plan(runs_a_day=96), Plan(runs_a_day=96, idle=0.5)):
        assert model.month(plan).transform.high == pytest.approx(730 * 2.60)


def test_an_idle_run_costs_its_requests_to_s3_alone() -> None:
    model = CostModel(MEASURED)
    busy, with_idle = (model.month(plan) for plan in (Plan(runs_a_day=48), Plan(runs_a_day=96, idle=0.5)))

    assert (busy.load, busy.transform, busy.cloud_services) == (
        with_idle.load,
        with_idle.transform,
        with_idle.cloud_services,
    )
    asked = 48 * 730 / 24 * (20 * 0.0054 + 30 * 0.00043) / 1000
    assert with_idle.s3_requests.low - busy.s3_requests.low == pytest.approx(asked)
    assert model.a_run(Kind.IDLE, Plan()) == exactly(pytest.approx((20 * 0.0054 + 30 * 0.00043) / 1000))
    assert model.month(Plan(runs_a_day=96, idle=1)).load == exactly(0)


def test_one_run_a_day_builds_everything_and_the_others_what_is_new() -> None:
    model = CostModel(MEASURED, replace(Assumptions(), cloud_credits_a_statement=exactly(0)))
    partial, daily, every = (
        model.month(Plan(runs_a_day=24, whole_a_day=whole, left_running=True)).transform.low
        for whole in (0.0, 1.0, 24.0)
    )

    assert partial < daily < every
    assert daily - partial == pytest.approx((every - partial) / 24)
    assert model.transform_seconds(Kind.WHOLE, Plan()).low > model.transform_seconds(Kind.PARTIAL, Plan()).low


def test_so_many_more_runs_are_worth_those_that_build_everything() -> None:
    model = CostModel(MEASURED)
    hourly = Plan(runs_a_day=24, whole_a_day=24)
    as_many = [model.as_many_runs(hourly, idle) for idle in (0.0, 0.5, 0.9)]

    assert 24 < as_many[0] < as_many[1] < as_many[2]
    worth = model.month(Plan(runs_a_day=as_many[1], idle=0.5)).pipeline.high
    assert worth == pytest.approx(model.month(hourly).pipeline.high, rel=1e-3)


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
    assert only_rows.transform_seconds(Kind.PARTIAL, Plan(size=100)).high == pytest.approx(
        100 * only_rows.transform_seconds(Kind.PARTIAL, Plan(size=1)).high
    )


def test_fewer_runs_and_one_warehouse_for_both_cost_less() -> None:
    model = CostModel(MEASURED)
    hourly, shared, daily = (model.month(plan).pipeline for plan in (Plan(), Plan(shared=True), Plan(runs_a_day=1)))

    assert shared.low < hourly.low
    assert shared.high < hourly.high
    assert daily.high < hourly.high / 10


def test_half_of_the_runs_idle_cost_a_third_of_the_former_month() -> None:
    """With the settings of the environments: one warehouse, which a run suspends."""
    found = {check.what: check for check in targets.checks(Results.read(DOCS / "benchmarks.json"))}

    [as_set] = (check for what, check in found.items() if "(one for both)" in what)
    assert as_set.value < as_set.limit
    assert as_set.value == min(check.value for check in found.values())
    for name in ("dev.tfvars", "prod.tfvars"):
        assert 'load_warehouse = "transform"' in (DOCS.parent / "terraform" / "environments" / name).read_text()
    assert targets.checks(Results()) == []


def test_small_files_stay_where_they_are_and_large_ones_go_to_infrequent_access() -> None:
    small, large = (
        CostModel(replace(MEASURED, bytes_a_file=size, day_key_bytes=0)).month(Plan()) for size in (10_000, 10_000_000)
    )

    assert small.s3_storage.low == pytest.approx(small.lake_gb * 0.0245)
    assert large.s3_storage.low < large.lake_gb * 0.0245


def test_the_quotas_of_the_environments_carry_what_the_page_says() -> None:
    model = recorded_model()
    folder = DOCS.parent / "terraform" / "environments"
    dev, prod = (
        float(re.findall(r"^monthly_credits\s*=\s*(\d+)", (folder / name).read_text(), re.MULTILINE)[0])
        for name in ("dev.tfvars", "prod.tfvars")
    )

    assert dev > model.month(Plan(runs_a_day=24, shared=True)).credits.high
    assert prod > model.month(Plan(size=100, runs_a_day=24, shared=True)).credits.high


def test_every_price_has_its_source_and_date() -> None:
    assert "as of" in (SnowflakePrices.__doc__ or "")
