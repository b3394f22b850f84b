"""The simulated week: its rhythm, the nodes that its runs select, and a day of it from beginning to end."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.cases import CASES, DEFAULT
from bench.results import Results
from bench.week.rhythm import CADENCES, FIRST, RUNS_A_WEEK, share_of_idle, week
from bench.week.selection import Graph
from ingest.contracts.registry import ContractRegistry
from local.settings import REPOSITORY
from orchestration.built.plan import Plan

HOUR = timedelta(hours=1)
BENCHMARKS = REPOSITORY / "docs" / "benchmarks.json"


def test_a_week_has_a_run_every_quarter_of_an_hour_and_leaves_no_time_out() -> None:
    runs = list(week())
    shop, provider = (sum((getattr(run, who) for run in runs), timedelta(0)) for who in ("shop", "provider"))

    assert len(runs) == RUNS_A_WEEK == 672
    assert {after.at - before.at for before, after in pairwise(runs)} == {timedelta(minutes=15)}
    assert runs[-1].at == FIRST + timedelta(days=7)
    assert shop == provider == timedelta(days=6, hours=20)
    assert [run.at.hour for run in runs if run.is_whole] == [0] * 7
    assert [run.at.hour for run in runs if run.looks_for_deletions] == [12, 0] * 7


def test_nights_stand_still_and_the_first_run_of_a_morning_brings_what_they_would_have() -> None:
    monday = list(week(96))
    lived = {run.at - FIRST: run.shop for run in monday if run.shop}

    assert min(lived) == 8 * HOUR + timedelta(minutes=15)
    assert max(lived) == 22 * HOUR
    assert lived[min(lived)] == min(lived)
    assert set(list(lived.values())[1:]) == {timedelta(minutes=15)}


def test_the_fewer_runs_there_are_the_fewer_of_them_are_idle() -> None:
    idle = [not (run.shop or run.provider) for run in week()]
    shares = [share_of_idle(idle, cadence) for cadence in CADENCES]

    assert shares == sorted(shares, reverse=True)
    assert 0.4 < shares[0] < 0.6
    assert shares[-1] == 0


def test_selected_is_what_depends_on_the_streams_with_news_with_its_tests(tmp_path: Path) -> None:
    def node(kind: str, tags: tuple[str, ...] = ()) -> dict[str, object]:
        return {"resource_type": kind, "tags": list(tags)}

    manifest = {
        "nodes": {
            "model.p.stg_orders": node("model"),
            "model.p.days": node("model", ("business_day",)),
            "model.p.sales": node("model"),
            "test.p.sales_key": node("test"),
            "unit_test.p.sales": node("unit_test"),
        },
        "child_map": {
            "source.p.raw.orders": ["model.p.stg_orders"],
            "source.p.raw.customers": [],
            "model.p.stg_orders": ["model.p.sales"],
            "model.p.days": ["model.p.sales"],
            "model.p.sales": ["test.p.sales_key", "unit_test.p.sales"],
        },
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    graph, contracts = Graph.read(tmp_path), list(ContractRegistry.load().values())
    sales = {"model.p.sales", "test.p.sales_key"}

    assert graph.selected(Plan(streams=("orders",)), contracts) == {"model.p.stg_orders", *sales}
    assert graph.selected(Plan(streams=("customers",)), contracts) == set()
    assert graph.selected(Plan(new_day=True), contracts) == {"model.p.days", *sales}
    assert graph.selected(Plan("all"), contracts) == {"model.p.stg_orders", "model.p.days", *sales}


def test_a_day_of_fewer_runs_has_the_same_hours() -> None:
    day = list(week(16, 16))

    assert [run.at.hour for run in day if run.looks_for_deletions] == [12, 0]
    assert [run.is_whole for run in day] == [False] * 15 + [True]
    assert sum((run.shop for run in day), timedelta(0)) == 22 * HOUR + timedelta(minutes=30)
    idle = [not (run.shop or run.provider) for run in day]
    assert [share_of_idle(idle, cadence, 16) for cadence in (96, 16, 4, 1)] == [5 / 16, 5 / 16, 1 / 4, 0]


def test_a_week_is_measured_where_it_is_named_and_stays_on_the_page(tmp_path: Path) -> None:
    """Other benchmark runs keep its recorded result."""
    assert "whole-week" in CASES
    assert "whole-week" not in DEFAULT
    recorded = Results.read(BENCHMARKS)
    week = recorded.cases["week"].model_copy(update={"name": "whole-week", "title": "A week, recorded before"})
    recorded.plus(week).write(tmp_path / "benchmarks.json")

    assert main(["--render", "--out", str(tmp_path)]) == 0
    assert "## A week, recorded before" in (tmp_path / "BENCHMARKS.md").read_text()
    assert Results.read(tmp_path / "benchmarks.json").cases["whole-week"] == week


@pytest.mark.slow
def test_a_day_in_fast_motion_leaves_what_the_source_has_and_a_full_refresh_would_make(tmp_path: Path) -> None:
    """The case fails where source, lake, RAW or marts differ. Idle runs leave the warehouse and dbt alone."""
    assert main(["--scale", "small", "--no-peers", "--out", str(tmp_path), "week"]) == 0
    result = Results.read(tmp_path / "benchmarks.json").cases["week"]

    assert result.error is None
    figures = result.figures
    assert figures["idle: runs"] + figures["partial: runs"] + figures["whole: runs"] == figures["afterwards: runs"]
    assert figures["afterwards: runs"] == 13
    assert figures["whole: runs"] == 1
    assert min(figures["idle: runs"], figures["partial: runs"]) > 3
    assert figures["idle: rows"] == figures["idle: files"] == figures["idle: dbt nodes"] == 0
    assert 0 < figures["partial: dbt statements"] < figures["whole: dbt statements"]
    assert figures["at the end: tables equal to those of a full refresh"] > 20
    assert {name.partition(":")[0] for name in figures} > {"idle", "partial", "whole", "96 runs a day"}
