"""The listing of events, whatever the page, the window, the seed or the moment of asking."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_saas.api.app import make_lists
from mock_saas.history.cells import CellFactory
from mock_saas.history.event_list import EventList
from mock_saas.history.randomness import Randomness
from mock_saas.timestamps import DAY_US, HOUR_US, MICROSECONDS, parse_rfc3339
from mock_saas.windows import Count, Window
from tests.mock_saas.provider import EPOCH_US, NOW_US, count, event_list, is_strictly_ascending, pages, parse, walk
from tests.mock_saas.provider import settings as provider_settings

# Rates that make cells of an hour, of minutes and of seconds: the delays are undone differently in each.
RATES = (500, 2_000, 100_000, 3_000_000, 100_000_000)
LISTS = {rate: event_list(events_per_day=rate, broken_rate=0.05) for rate in RATES}

# About 600 records at any rate.
SPAN_US = {rate: 600 * DAY_US // rate for rate in RATES}

properties = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
rates = st.sampled_from(RATES)
shares = st.floats(0, 1)


def span(rate: int, place: float) -> Window:
    """Return a window of about 600 records somewhere in history."""
    start = EPOCH_US + int((NOW_US - EPOCH_US - SPAN_US[rate] - HOUR_US) * place)
    return Window(start, start + SPAN_US[rate])


@properties
@given(rates, shares, st.integers(1, 1000))
def test_pages_of_any_size_make_the_same_walk(rate: int, place: float, limit: int) -> None:
    window = span(rate, place)
    walked = list(pages(LISTS[rate], window, limit))
    assert [text for page in walked for text in page.records] == walk(LISTS[rate], window)
    assert all(len(page.records) == limit for page in walked[:-1])


@properties
@given(rates, shares, st.lists(shares, max_size=5))
def test_windows_split_anywhere_hold_the_same_records(rate: int, place: float, cuts: list[float]) -> None:
    window = span(rate, place)
    start, length = window.start(), SPAN_US[rate]
    bounds = [start, *sorted(start + int(length * cut) for cut in cuts), start + length]
    parts = [text for low, high in pairwise(bounds) for text in walk(LISTS[rate], Window(low, high))]
    assert parts == walk(LISTS[rate], window)


@properties
@given(rates, shares)
def test_records_lie_in_their_window_in_strict_order(rate: int, place: float) -> None:
    window = span(rate, place)
    positions = [(page.last, page) for page in pages(LISTS[rate], window, limit=1 if rate < 1000 else 50)]
    assert is_strictly_ascending([position for position, _ in positions if position])
    received = [
        parse_rfc3339(record["received_at"]) for record in parse(walk(LISTS[rate], window)) if isinstance(record, dict)
    ]
    assert received == sorted(received)
    assert all(window.start() <= us < window.end(NOW_US) for us in received)


@properties
@given(rates, shares)
def test_counts_are_those_of_a_walk(rate: int, place: float) -> None:
    events = event_list(events_per_day=rate, broken_rate=0)
    window = span(rate, place)
    records = parse(walk(events, window))
    distinct = {record["event_id"] for record in records}
    assert count(events, window, NOW_US) == Count(len(records), len(distinct))


@properties
@given(rates, shares, st.floats(0, 30))
def test_settled_records_are_the_same_when_asked_later(rate: int, place: float, days_later: float) -> None:
    window = span(rate, place)
    asked = window.end(NOW_US) + 60 * MICROSECONDS
    then = walk(LISTS[rate], window, now_us=asked)
    assert walk(LISTS[rate], window, now_us=asked + int(days_later * DAY_US)) == then


@properties
@given(rates, shares)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(rate: int, place: float) -> None:
    window = span(rate, place)
    fresh = event_list(events_per_day=rate, broken_rate=0.05)
    assert walk(fresh, window) == walk(LISTS[rate], window)
    assert walk(event_list(events_per_day=rate, broken_rate=0.05, seed=2), window) != walk(LISTS[rate], window)


@properties
@given(st.sampled_from((100_000, 3_000_000)), shares, st.randoms(use_true_random=False))
def test_the_order_of_asking_does_not_matter(rate: int, place: float, shuffler: Any) -> None:
    window = span(rate, place)
    step = SPAN_US[rate] // 7 + 1
    parts = [
        Window(low, min(low + step, window.end(NOW_US))) for low in range(window.start(), window.end(NOW_US), step)
    ]
    shuffled = shuffler.sample(parts, len(parts))
    fresh = event_list(events_per_day=rate, broken_rate=0.05)
    answers = {part: walk(fresh, part) for part in shuffled}
    assert [text for part in parts for text in answers[part]] == walk(LISTS[rate], window)


def test_history_begins_at_the_epoch_and_ends_now(whole_history: list[dict[str, Any]]) -> None:
    received = [parse_rfc3339(record["received_at"]) for record in whole_history]
    assert all(parse_rfc3339(record["occurred_at"]) >= EPOCH_US for record in whole_history)
    assert EPOCH_US <= received[0] < EPOCH_US + HOUR_US
    assert NOW_US - HOUR_US < received[-1] < NOW_US
    assert walk(LISTS[2_000], Window(NOW_US, None)) == walk(LISTS[2_000], Window(None, EPOCH_US)) == []
    assert walk(LISTS[2_000], Window(None, NOW_US + DAY_US)) == walk(LISTS[2_000])


def test_an_epoch_in_the_middle_of_an_hour_is_kept_to_the_microsecond() -> None:
    epoch = EPOCH_US + 13 * HOUR_US + 1_234_567
    chosen = provider_settings(events_per_day=50_000, broken_rate=0)
    _, events, _ = make_lists(chosen, Randomness(chosen.seed), epoch)
    occurred = [parse_rfc3339(record["occurred_at"]) for record in parse(walk(events, now_us=epoch + HOUR_US))]
    assert epoch <= min(occurred) < epoch + 60 * MICROSECONDS


@pytest.mark.parametrize("rate", [2_000, 1_000_000])
def test_as_many_records_a_day_as_set(rate: int) -> None:
    events = event_list(events_per_day=rate)
    hours = 24 if rate < 10_000 else 1
    days = [4, 5, 6, 7, 8] if rate < 10_000 else [5]
    counted = [
        count(events, Window(EPOCH_US + day * DAY_US, EPOCH_US + day * DAY_US + hours * HOUR_US), NOW_US).records
        for day in days
    ]
    # The first hour (UTC) of the day has 14 thousandths of a day's messages; its events, a bit more.
    expected = rate * len(days) * (1 if hours == 24 else 0.017)
    assert sum(counted) == pytest.approx(expected, rel=0.1)


def test_a_page_looks_at_no_more_cells_than_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    occurrences = CellFactory.occurrences

    def counted(self: CellFactory, cell: int) -> Any:
        made.append(cell)
        return occurrences(self, cell)

    monkeypatch.setattr(CellFactory, "occurrences", counted)
    events: EventList = event_list(events_per_day=1_000_000)
    for day in (9, 1, 5):
        events.page(Window(EPOCH_US + day * DAY_US + 12 * HOUR_US, None), None, 1000, NOW_US)
    assert len(made) <= 6
    made.clear()
    far = NOW_US + 3650 * DAY_US
    events.page(Window(far - HOUR_US, None), None, 1000, far)
    assert len(made) <= 2


@properties
@given(shares)
def test_records_settle_in_time_and_never_go_again(place: float) -> None:
    events = event_list(events_per_day=1_000_000, settling_seconds=60)
    now = EPOCH_US + 5 * DAY_US + int(DAY_US * place)
    window = Window(now - 90 * MICROSECONDS, now)
    final = walk(events, window, now_us=now + 60 * MICROSECONDS)
    known = [set(walk(events, window, now_us=now + second * MICROSECONDS)) for second in (0, 1, 20, 40, 59)]
    assert all(earlier <= later for earlier, later in pairwise([*known, set(final)]))
    unsettled = [record for record in set(final) - known[0] if record.startswith("{")]
    assert len(known[0]) < len(final)
    assert all(
        parse_rfc3339(record["received_at"]) > now - 60 * MICROSECONDS
        for record in parse(unsettled)
        if "received_at" in record
    )
    settled = Window(window.from_us, now - 60 * MICROSECONDS)
    assert walk(events, settled, now_us=now) == walk(events, settled, now_us=now + DAY_US)


def test_counts_leave_out_what_is_not_visible_yet() -> None:
    events = event_list(events_per_day=1_000_000)
    window = Window(NOW_US - 60 * MICROSECONDS, None)
    visible = walk(events, window)
    assert count(events, window, NOW_US).records == len(visible)
    assert len(visible) < count(events, Window(window.from_us, NOW_US), NOW_US + DAY_US).records


def test_without_settling_time_everything_is_visible_at_once() -> None:
    events = event_list(events_per_day=1_000_000, settling_seconds=0)
    window = Window(NOW_US - 60 * MICROSECONDS, NOW_US)
    assert walk(events, window) == walk(events, window, now_us=NOW_US + DAY_US)
