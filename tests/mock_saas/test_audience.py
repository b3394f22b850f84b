"""The mailing list: its members, and that nothing is sent to members who have left it."""

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_saas.history.audience import Audience, Departures
from mock_saas.history.cells import CellFactory, Occurrence
from mock_saas.history.lifecycle import PATTERNS, EventType
from mock_saas.history.randomness import Randomness
from mock_saas.history.rhythm import days_of_traffic, intensity
from mock_saas.timestamps import DAY_US, HOUR_US
from tests.mock_saas.provider import EPOCH_US, campaign_list

endings = st.sets(st.sampled_from("0234567"), max_size=7).map("".join)
moments = st.lists(st.integers(EPOCH_US - DAY_US, EPOCH_US + 400 * DAY_US), min_size=2, max_size=20).map(sorted)


@given(st.integers(1, 300), endings, st.integers(0, 2**32))
def test_each_customer_with_consent_is_on_the_list_once(recipients: int, no_consent: str, seed: int) -> None:
    audience = Audience(recipients, no_consent, Randomness(seed))
    listed = [number for number in range(1, recipients + 1) if str(number)[-1] not in no_consent]
    assert sorted(audience.number(position) for position in range(len(audience))) == listed


def test_a_list_without_members_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Audience(1, "1", Randomness(1))


@given(st.integers(1, 300), st.floats(0, 50), moments)
def test_members_leave_one_after_the_other_and_some_stay(recipients: int, per_day: float, at: list[int]) -> None:
    audience = Audience(recipients, "", Randomness(1))
    departures = Departures(audience, per_day, EPOCH_US)
    left = [departures.before(us) for us in at]
    assert all(0 <= before <= after < len(audience) for before, after in pairwise(left))
    assert departures.before(EPOCH_US) == 0


@given(st.integers(0, 24 * 365 * 100), st.integers(1, 72))
def test_traffic_adds_up_by_the_hour(hour: int, hours: int) -> None:
    together = sum(intensity(hour + n) / 24 for n in range(hours))
    assert days_of_traffic(hour * HOUR_US, (hour + hours) * HOUR_US) == pytest.approx(together)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([(300, 40), (2_000, 96), (60_000, 5_000)]), st.integers(0, DAY_US))
def test_nobody_is_written_to_after_a_hard_bounce_an_unsubscription_or_a_complaint(
    seed: int, world: tuple[int, int], into_the_day: int
) -> None:
    events_per_day, recipients = world
    epoch_us = EPOCH_US + into_the_day
    factory = CellFactory(
        Randomness(seed),
        campaign_list(seed=seed),
        events_per_day=events_per_day,
        broken_rate=0,
        epoch_us=epoch_us,
        audience=Audience(recipients, "370", Randomness(seed)),
    )
    days = min(12, 12 * 2_000 // events_per_day + 1)
    first = epoch_us // factory.cell_us
    told = [
        occurrence
        for number in range(first, first + days * DAY_US // factory.cell_us)
        for occurrence in factory.occurrences(number)
    ]
    sent: dict[int, set[int]] = defaultdict(set)
    left: dict[int, int] = {}
    for occurrence in told:
        if kind(occurrence) is EventType.SENT:
            sent[occurrence.recipient].add(occurrence.occurred_us)
        elif ends(occurrence):
            assert left.setdefault(occurrence.recipient, occurrence.occurred_us) == occurrence.occurred_us
    assert left
    for recipient, moment in left.items():
        assert max(sent[recipient], default=0) < moment


def kind(occurrence: Occurrence) -> EventType:
    """Return the type of the event."""
    return PATTERNS[occurrence.pattern].steps[occurrence.step].type


def ends(occurrence: Occurrence) -> bool:
    """Return whether the recipient leaves the list by it."""
    pattern = PATTERNS[occurrence.pattern]
    hard = kind(occurrence) is EventType.BOUNCED and pattern.hard_bounce
    return hard or kind(occurrence) in (EventType.UNSUBSCRIBED, EventType.COMPLAINED)


@pytest.mark.parametrize("days", [1, 10, 100])
def test_leavers_are_as_many_as_the_patterns_say(days: int) -> None:
    departures = Departures(Audience(5_000, "370", Randomness(1)), 10.5, EPOCH_US)
    span_us = timedelta(days=days) // timedelta(microseconds=1)
    assert departures.before(EPOCH_US + span_us) == int(10.5 * days)
