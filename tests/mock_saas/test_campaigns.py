"""Campaigns: their lives, and a listing that changes while it is walked."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_saas.history.campaigns import MAX_AGE_US, CampaignLife
from mock_saas.history.records import Campaign, CampaignStatus
from mock_saas.timestamps import DAY_US, HOUR_US, format_us
from mock_saas.windows import Count, Position, Window
from tests.mock_saas.provider import (
    EPOCH_US,
    EVERYTHING,
    NOW_US,
    campaign_list,
    count,
    is_strictly_ascending,
    parse,
    walk,
)

CAMPAIGNS = campaign_list()
FIRST_DAY = EPOCH_US // DAY_US

properties = settings(max_examples=60, deadline=None)
moments = st.integers(EPOCH_US, EPOCH_US + 40 * DAY_US)


def lives(days: int = 60) -> list[CampaignLife]:
    """Return all campaigns of so many days."""
    return [life for day in range(FIRST_DAY - 5, FIRST_DAY + days) for life in CAMPAIGNS.created_on(day)]


def existing(now_us: int) -> dict[str, Campaign]:
    """Return the campaigns that exist, by looking at every one."""
    versions = [version for life in lives() if (version := life.at(now_us))]
    return {version.campaign.campaign_id: version.campaign for version in versions}


@properties
@given(moments, st.integers(1, 200))
def test_a_walk_shows_what_exists_in_order(now_us: int, limit: int) -> None:
    records = parse(walk(CAMPAIGNS, limit=limit, now_us=now_us))
    assert {record["campaign_id"]: Campaign(**record) for record in records} == existing(now_us)
    assert is_strictly_ascending([(record["updated_at"], record["campaign_id"]) for record in records])
    assert count(CAMPAIGNS, EVERYTHING, now_us) == Count(len(records), len(records))


@properties
@given(moments, st.lists(st.integers(EPOCH_US - 3 * DAY_US, EPOCH_US + 45 * DAY_US), min_size=2, max_size=6))
def test_windows_split_anywhere_hold_the_same_campaigns(now_us: int, bounds: list[int]) -> None:
    bounds.sort()
    parts = [text for low, high in pairwise(bounds) for text in walk(CAMPAIGNS, Window(low, high), 7, now_us)]
    assert parts == walk(CAMPAIGNS, Window(bounds[0], bounds[-1]), now_us=now_us)
    assert count(CAMPAIGNS, Window(None, bounds[-1]), now_us).records == len(
        walk(CAMPAIGNS, Window(None, bounds[-1]), now_us=now_us)
    )


@properties
@given(moments, st.lists(st.tuples(st.integers(1, 12), st.integers(0, 2 * DAY_US)), min_size=1, max_size=30))
def test_a_walk_misses_no_campaign_that_exists_throughout(began: int, steps: list[tuple[int, int]]) -> None:
    now, after = began, None
    seen: set[str] = set()
    while True:
        limit, pause = steps[len(seen) % len(steps)]
        page = CAMPAIGNS.page(EVERYTHING, after, limit, now)
        seen |= {record["campaign_id"] for record in parse(page.records)}
        if not page.has_more:
            break
        after, now = page.last, now + pause if now < EPOCH_US + 50 * DAY_US else now
    assert set(existing(began)) & set(existing(now)) <= seen


def test_an_edited_campaign_is_met_again_at_its_new_place() -> None:
    first = CAMPAIGNS.page(EVERYTHING, None, 1, NOW_US - 2 * DAY_US)
    everything = parse(walk(CAMPAIGNS))
    places = {record["campaign_id"]: index for index, record in enumerate(everything)}
    edited = [life for life in lives() if life.at(NOW_US) and life.versions[-1].updated_us <= NOW_US]
    assert first.last is not None
    for life in edited:
        before = Position(life.versions[0].updated_us, life.campaign_id)
        rest = [record["campaign_id"] for record in parse(_walk_behind(before))]
        assert (life.campaign_id in rest) == (len(life.versions) > 1)
        assert everything[places[life.campaign_id]]["updated_at"] == format_us(life.versions[-1].updated_us)


def _walk_behind(position: Position) -> list[str]:
    return CAMPAIGNS.page(EVERYTHING, position, 10_000, NOW_US).records


def test_about_three_a_day_are_created_edited_and_some_deleted() -> None:
    made = lives()
    assert len(made) / 60 == pytest.approx(3, abs=0.5)
    versions = [len(life.versions) for life in made]
    assert 3 < sum(versions) / len(versions) < 7
    assert 0.03 < sum(life.deleted_us is not None for life in made) / len(made) < 0.2
    for field in ("name", "subject", "budget", "status"):
        assert any(len({getattr(version.campaign, field) for version in life.versions}) > 1 for life in made)


def test_only_what_was_never_sent_is_deleted() -> None:
    deleted = [life for life in lives() if life.deleted_us is not None]
    assert deleted
    assert all(life.sending_us is None for life in deleted)


def test_lives_are_consistent() -> None:
    order = list(CampaignStatus)
    for life in lives():
        states = [version.campaign for version in life.versions]
        times = [version.updated_us for version in life.versions]
        assert is_strictly_ascending(times)
        assert times[-1] < life.created_us // DAY_US * DAY_US + MAX_AGE_US
        assert [state.updated_at for state in states] == [format_us(us) for us in times]
        assert {state.created_at for state in states} == {format_us(life.created_us)}
        assert {state.promoted_skus for state in states} == {life.promoted_skus}
        assert [order.index(state.status) for state in states] == sorted(order.index(state.status) for state in states)
        assert states[0].status is CampaignStatus.DRAFT
        assert all((state.scheduled_at is None) == (state.status is CampaignStatus.DRAFT) for state in states)
        assert life.deleted_us is None or life.deleted_us > times[-1]
        assert life.at(life.created_us - 1) is None
        assert life.deleted_us is None or life.at(life.deleted_us) is None


def test_some_campaign_is_sending_at_every_hour() -> None:
    for hour in range(EPOCH_US // HOUR_US, EPOCH_US // HOUR_US + 60 * 24):
        assert CAMPAIGNS.sending_in_hour(hour)


def test_promoted_skus_are_the_shops() -> None:
    allowed = {f"SKU-{n:05d}" for n in range(1, 501)}
    assert {sku for life in lives() for sku in life.promoted_skus} <= allowed
    one = campaign_list(skus=1, sku_pattern="P{n}").created_on(FIRST_DAY)[0]
    assert one.promoted_skus == ("P1",)


def test_a_page_looks_at_no_more_days_than_it_needs() -> None:
    fresh = campaign_list()
    far = EPOCH_US + 3650 * DAY_US
    assert fresh.page(Window(far - DAY_US, None), None, 10, far).records
    assert fresh.created_on.cache_info().currsize < 20
