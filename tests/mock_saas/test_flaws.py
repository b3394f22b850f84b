"""The breakages that every history shows, whatever is drawn beside them."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_saas.api.app import make_lists
from mock_saas.history.event_list import EventList
from mock_saas.history.flaws import EVERY, FLAWS
from mock_saas.history.lifecycle import EventType
from mock_saas.history.randomness import Randomness
from mock_saas.history.rendering import Breakage
from mock_saas.timestamps import DAY_US, parse_rfc3339, to_us
from mock_saas.windows import Window
from tests.mock_saas.provider import EPOCH_US, event_list, parse, walk
from tests.mock_saas.provider import settings as provider_settings

# So rare that nothing else is drawn.
SELDOM = 1e-9
RECORDS = len(FLAWS) * EVERY
TYPES = set(EventType)

epochs = st.datetimes(datetime(2024, 1, 1), datetime(2040, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
rates = st.sampled_from((60, 100, 2_000, 30_000, 100_000_000))


def history(seed: int, epoch_us: int, rate: int, broken_rate: float = SELDOM) -> EventList:
    chosen = provider_settings(seed=seed, events_per_day=rate, broken_rate=broken_rate)
    return make_lists(chosen, Randomness(seed), epoch_us)[1]


def kind_of(record: Any) -> Breakage | None:
    """Return how a record breaks the contract, as a reader sees it."""
    if not isinstance(record, dict):
        return Breakage.NOT_AN_OBJECT
    if "event_id" not in record:
        return Breakage.NO_EVENT_ID
    if "recipient" not in record:
        return Breakage.NO_RECIPIENT
    if not all(isinstance(record[name], str) for name in ("campaign_id", "message_id", "recipient")):
        return Breakage.WRONG_TYPE
    if record["type"] not in TYPES:
        return Breakage.UNKNOWN_EVENT_TYPE
    try:
        parse_rfc3339(record["occurred_at"])
    except ValueError:
        return Breakage.UNPARSABLE_OCCURRED_AT
    return None


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**40), epochs, rates)
def test_every_history_shows_each_breakage_twice_and_equal_ones_among_them(
    seed: int, epoch: datetime, rate: int
) -> None:
    epoch_us = to_us(epoch)
    texts = history(seed, epoch_us, rate).page(Window(None, None), None, 2 * RECORDS, epoch_us + 60 * DAY_US).records

    kinds = Counter(kind_of(record) for record in parse(texts))
    assert {kind: kinds[kind] for kind in Breakage} == dict.fromkeys(Breakage, 2)
    assert texts.count("null") == 2
    assert len(texts) - kinds[None] == len(FLAWS)


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**40), rates, st.integers(0, RECORDS), st.integers(50, 500))
def test_however_few_records_not_one_in_fifty_breaks_beside_a_handful(
    seed: int, rate: int, first: int, count: int
) -> None:
    """A batch is refused whole where more than that is malformed: none is drawn while some are certain to come."""
    texts = history(seed, EPOCH_US, rate, broken_rate=0.5).page(
        Window(None, None), None, RECORDS, EPOCH_US + 60 * DAY_US
    )
    kinds = [kind_of(record) for record in parse(texts.records)]
    broken = sum(kind is not None for kind in kinds[first : first + count])
    assert broken <= max(5, count / 50)


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**40), rates)
def test_an_event_that_is_received_again_is_told_in_the_same_words(seed: int, rate: int) -> None:
    """Only received_at differs. Otherwise one of the two could break the contract, and no count would agree."""
    page = history(seed, EPOCH_US, rate, broken_rate=0.5).page(
        Window(None, None), None, 3 * RECORDS, EPOCH_US + 90 * DAY_US
    )
    kinds: dict[str, set[Breakage | None]] = {}
    for record in parse(page.records):
        if isinstance(record, dict) and "event_id" in record:
            kinds.setdefault(record["event_id"], set()).add(kind_of(record))
    assert all(len(found) == 1 for found in kinds.values())


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2 * DAY_US), st.integers(1, 50))
def test_which_ones_does_not_depend_on_where_one_begins_to_read(start: int, limit: int) -> None:
    window = Window(EPOCH_US + start, EPOCH_US + start + DAY_US // 4)
    whole = walk(history(1, EPOCH_US, 2_000), Window(None, window.until_us), limit=limit)
    part = walk(history(1, EPOCH_US, 2_000), window, limit=1000)
    assert whole[len(whole) - len(part) :] == part


def test_a_provider_without_broken_records_has_none() -> None:
    texts = walk(event_list(broken_rate=0), Window(None, EPOCH_US + DAY_US))
    assert not [record for record in parse(texts) if kind_of(record) is not None]
