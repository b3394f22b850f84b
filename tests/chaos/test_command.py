"""`python -m tests.chaos`: what it tells, and how it ends."""

from __future__ import annotations

import io
from typing import cast

import pytest
import typer
from rich.console import Console

from tests.chaos.__main__ import CAMPAIGNS, Campaign, main, run_all
from tests.chaos.campaign import Order, Report
from tests.chaos.line import Ground

NOWHERE = cast("Ground", None)


def passes(ground: Ground, order: Order) -> Report:
    return Report("passes", order, wanted=order.size(100), done=order.size(100), figures={"rows": 7})


def finds(ground: Ground, order: Order) -> Report:
    return Report("finds", order, wanted=2, done=1, findings=["customers: lake: 1 lost: 4"])


def breaks(ground: Ground, order: Order) -> Report:
    raise RuntimeError("the campaign itself")


def told(**campaigns: Campaign) -> tuple[list[Report], str]:
    console = Console(file=io.StringIO(), width=200)
    reports = run_all(console, NOWHERE, campaigns, seed=42, scale=0.1)
    return reports, cast("io.StringIO", console.file).getvalue()


def test_figures_findings_and_the_command_that_runs_it_again_are_told() -> None:
    reports, text = told(passes=Campaign(passes, 60, "nothing"), finds=Campaign(finds, 60, "something"))

    assert [report.passed for report in reports] == [True, False]
    assert "rows: 7" in text
    assert "customers: lake: 1 lost: 4" in text
    assert "again: python -m tests.chaos finds --seed 42 --scale 0.1" in text
    assert "10 of 10" in text
    assert "1 of 2" in text
    assert "its time was over" in text


def test_a_campaign_that_breaks_has_failed_and_the_next_one_still_runs() -> None:
    reports, text = told(breaks=Campaign(breaks, 60, "itself"), passes=Campaign(passes, 60, "nothing"))

    assert [report.passed for report in reports] == [False, True]
    assert "RuntimeError: the campaign itself" in text
    assert "again: python -m tests.chaos breaks --seed 42 --scale 0.1" in text


def test_a_campaign_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(typer.BadParameter, match=f"there is no campaign 'kill'; there are: {', '.join(CAMPAIGNS)}"):
        main(["kill"])


def test_all_campaigns_together_are_bounded_below_twenty_minutes() -> None:
    reports, _ = told(one=Campaign(passes, 10**6, "long"), other=Campaign(passes, 10**6, "long too"))
    first, second = (report.order.seconds for report in reports)

    assert 15 * 60 < second < first < 20 * 60
    assert sum(campaign.seconds for name, campaign in CAMPAIGNS.items() if name != "kills") < 15 * 60


def test_no_round_begins_when_the_time_is_over() -> None:
    assert list(Order(seed=1, seconds=-1).rounds(5)) == []
    assert list(Order(seed=1).rounds(3)) == [0, 1, 2]


def test_chance_depends_on_the_seed_and_the_purpose_alone() -> None:
    one, other = Order(seed=1), Order(seed=2)
    assert one.chance("a").random() == Order(seed=1, scale=0.5).chance("a").random()
    assert len({one.chance("a").random(), one.chance("b").random(), other.chance("a").random()}) == 3


def test_a_report_that_is_not_passed_fails_a_test_with_its_seed() -> None:
    with pytest.raises(AssertionError, match="finds, seed 9"):
        finds(NOWHERE, Order(seed=9)).require_passed()
