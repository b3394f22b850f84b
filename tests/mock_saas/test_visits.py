"""The shop's web log of visits from the provider's messages."""

from collections.abc import Callable
from typing import Any

import pytest

from mock_saas.api.app import make_lists
from mock_saas.history.randomness import Randomness
from mock_saas.timestamps import DAY_US, MICROSECONDS
from tests.mock_saas.provider import ADMIN_KEY, EPOCH_US, NOW_US, Provider, moment
from tests.mock_saas.provider import settings as provider_settings

VISITS = make_lists(provider_settings(), Randomness(1), EPOCH_US)[2]
COMPLETE_US = NOW_US - 3 * DAY_US
"""Of what occurred before, nothing is still under way to us."""


def test_each_click_is_one_visit_at_its_moment(whole_history: list[dict[str, Any]]) -> None:
    clicks = {
        (record["occurred_at"], record["recipient"], record["link"]["url"])
        for record in whole_history
        if record["type"] == "clicked" and record["occurred_at"] < moment(COMPLETE_US)
    }
    visits = [(visit.at, visit.recipient, visit.url) for visit in VISITS.between(0, COMPLETE_US)]
    assert len(visits) == len(set(visits)) > 200
    assert set(visits) == clicks


@pytest.mark.parametrize("cut_us", [1, DAY_US // 3, 2 * DAY_US + 17 * MICROSECONDS])
def test_windows_split_anywhere_hold_the_same_visits(cut_us: int) -> None:
    start, end = EPOCH_US - DAY_US, EPOCH_US + 4 * DAY_US
    middle = EPOCH_US + cut_us
    assert [*VISITS.between(start, middle), *VISITS.between(middle, end)] == list(VISITS.between(start, end))


def test_the_admin_route_tells_them_ahead_of_the_clock(make_provider: Callable[..., Provider]) -> None:
    provider = make_provider(admin_key=ADMIN_KEY)
    window = {"from": moment(NOW_US - DAY_US), "until": moment(NOW_US + DAY_US)}
    told = provider.get("/admin/visits", key=ADMIN_KEY, **window).json()
    assert told == [visit.model_dump() for visit in VISITS.between(NOW_US - DAY_US, NOW_US + DAY_US)]
    assert told[-1]["at"] > moment(NOW_US)


def test_it_asks_for_the_admin_key_and_a_window_of_a_week_at_most(make_provider: Callable[..., Provider]) -> None:
    provider = make_provider(admin_key=ADMIN_KEY)
    window = {"from": moment(EPOCH_US), "until": moment(EPOCH_US + 7 * DAY_US)}
    assert provider.get("/admin/visits", key=ADMIN_KEY, **window).status_code == 200
    assert provider.get("/admin/visits", **window).status_code == 403
    assert provider.get("/admin/visits", key=ADMIN_KEY, **window | {"until": moment(NOW_US)}).status_code == 400
    assert provider.get("/admin/visits", key=ADMIN_KEY).status_code == 422
    assert make_provider().get("/admin/visits", **window).status_code == 404
