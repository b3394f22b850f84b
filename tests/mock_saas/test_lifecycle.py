"""The lives of messages in the feed."""

from collections import Counter, defaultdict
from typing import Any

import orjson
import pytest

from mock_saas.history import cells
from mock_saas.history.audience import Audience
from mock_saas.history.lifecycle import MAX_STEPS, PATTERNS, WEIGHT_TOTAL
from mock_saas.history.randomness import Randomness
from mock_saas.history.records import CampaignStatus, Event
from mock_saas.history.rendering import Breakage, break_record, drawn_flaw
from mock_saas.timestamps import DAY_US, HOUR_US, MICROSECONDS, parse_rfc3339
from mock_saas.windows import Window
from tests.mock_saas.provider import EPOCH_US, NOW_US, campaign_list, event_list, parse, walk

Record = dict[str, Any]


def distinct(records: list[Record]) -> list[Record]:
    """Return the records without repeated deliveries."""
    return list({record["event_id"]: record for record in reversed(records)}.values())


@pytest.fixture(scope="module")
def lives(whole_history: list[Record]) -> dict[str, list[Record]]:
    """The events of each message, in the order of their occurrence."""
    by_message: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(distinct(whole_history), key=lambda record: record["occurred_at"]):
        by_message[record["message_id"]].append(record)
    return by_message


def test_patterns_share_all_messages() -> None:
    assert sum(pattern.weight for pattern in PATTERNS) == WEIGHT_TOTAL
    assert max(len(pattern.steps) for pattern in PATTERNS) <= MAX_STEPS


def test_records_are_as_documented(whole_history: list[Record]) -> None:
    for record in whole_history:
        Event.model_validate(record)
        extras = set(record) & {"link", "bounce", "user_agent"}
        assert extras == {"bounced": {"bounce"}, "opened": {"user_agent"}, "clicked": {"link", "user_agent"}}.get(
            record["type"], set()
        )


def test_every_event_has_its_causes_before_it(lives: dict[str, list[Record]]) -> None:
    causes = {
        "delivered": {"sent"},
        "bounced": {"sent"},
        "opened": {"sent", "delivered"},
        "clicked": {"sent", "delivered", "opened"},
        "unsubscribed": {"sent", "delivered", "opened"},
        "complained": {"sent", "delivered"},
    }
    now = max(record["received_at"] for life in lives.values() for record in life)
    for life in lives.values():
        # A cause may still be under way to us: late by hours or days.
        if life[0]["type"] != "sent" or parse_rfc3339(now) - parse_rfc3339(life[-1]["occurred_at"]) < 48 * HOUR_US:
            continue
        seen: set[str] = set()
        for record in life:
            assert causes.get(record["type"], set()) <= seen, life
            seen.add(record["type"])
        assert not {"delivered", "bounced"} <= seen


def test_only_the_newest_messages_miss_their_beginning(lives: dict[str, list[Record]]) -> None:
    missing = [life for life in lives.values() if life[0]["type"] != "sent"]
    assert all(NOW_US - parse_rfc3339(life[0]["occurred_at"]) < 48 * HOUR_US for life in missing)


@pytest.mark.parametrize("seconds", [3600, 1200])
def test_every_life_is_told_completely_however_time_is_cut(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    monkeypatch.setattr(cells, "cell_seconds", lambda _events_per_day: seconds)
    factory = cells.CellFactory(
        Randomness(3),
        campaign_list(seed=3),
        events_per_day=1_000,
        broken_rate=0.1,
        epoch_us=EPOCH_US,
        audience=Audience(5_000, "370", Randomness(3)),
    )
    days = 9
    numbers = range(EPOCH_US // factory.cell_us, (EPOCH_US + days * DAY_US) // factory.cell_us)
    told: dict[int, list[cells.Occurrence]] = defaultdict(list)
    for number in numbers:
        for occurrence in factory.occurrences(number):
            assert number * factory.cell_us <= occurrence.received_us < (number + 1) * factory.cell_us
            if occurrence.first_us == occurrence.received_us:
                told[occurrence.message].append(occurrence)
            else:
                # It was told before: one of those that came first.
                assert occurrence.first_us in [first.received_us for first in told[occurrence.message]]

    complete = [
        sorted(life, key=lambda occurrence: occurrence.step)
        for life in told.values()
        if min(occurrence.occurred_us for occurrence in life) < EPOCH_US + (days - 6) * DAY_US
    ]
    assert len(complete) > 500
    for life in complete:
        steps = PATTERNS[life[0].pattern].steps
        assert [occurrence.step for occurrence in life] == list(range(len(steps)))
        for step, before, after in zip(steps[1:], life, life[1:], strict=False):
            assert after.occurred_us - before.occurred_us >= step.delay.low * MICROSECONDS - 1


def test_all_events_of_a_message_agree(lives: dict[str, list[Record]]) -> None:
    for life in lives.values():
        assert len({(record["campaign_id"], record["recipient"]) for record in life}) == 1


def test_rates_are_realistic(lives: dict[str, list[Record]]) -> None:
    old = [
        {record["type"] for record in life}
        for life in lives.values()
        if parse_rfc3339(life[0]["occurred_at"]) < NOW_US - 6 * 24 * HOUR_US
    ]
    share = {kind: count / len(old) for kind, count in Counter(kind for life in old for kind in life).items()}
    assert share["delivered"] == pytest.approx(0.97, abs=0.01)
    assert share["bounced"] == pytest.approx(0.03, abs=0.01)
    assert share["opened"] == pytest.approx(0.33, abs=0.03)
    assert share["clicked"] == pytest.approx(0.054, abs=0.015)
    assert share["unsubscribed"] < 0.006


def test_some_events_come_late_and_none_early(whole_history: list[Record]) -> None:
    lags = [parse_rfc3339(record["received_at"]) - parse_rfc3339(record["occurred_at"]) for record in whole_history]
    assert min(lags) >= 0
    assert 0.01 < sum(lag > HOUR_US for lag in lags) / len(lags) < 0.05
    assert 24 * HOUR_US < max(lags) < 55 * HOUR_US


def test_one_event_in_a_hundred_comes_twice_unchanged(whole_history: list[Record]) -> None:
    deliveries: dict[str, list[Record]] = defaultdict(list)
    for record in whole_history:
        deliveries[record["event_id"]].append(record)
    repeated = [records for records in deliveries.values() if len(records) > 1]
    assert 0.007 < len(repeated) / len(deliveries) < 0.013
    for first, second in repeated:
        assert first["received_at"] < second["received_at"]
        assert {**first, "received_at": None} == {**second, "received_at": None}


@pytest.mark.parametrize("rate", [2_000, 200_000])
def test_messages_belong_to_a_campaign_that_is_sending(rate: int) -> None:
    campaigns = {life.campaign_id: life for day in range(20_140, 20_160) for life in campaign_list().created_on(day)}
    records = parse(walk(event_list(broken_rate=0, events_per_day=rate), now_us=EPOCH_US + 2_000 * 864 * 10**8 // rate))
    assert {record["type"] for record in records} >= {"sent", "clicked"}
    for record in records:
        campaign = campaigns[record["campaign_id"]]
        if record["type"] == "sent":
            version = campaign.at(parse_rfc3339(record["occurred_at"]))
            assert version is not None
            assert version.campaign.status in (CampaignStatus.SENDING, CampaignStatus.SENT)
        if record["type"] == "clicked":
            assert record["link"]["sku"] in campaign.promoted_skus
            assert record["link"]["sku"] in record["link"]["url"]
            assert record["campaign_id"] in record["link"]["url"]


def test_recipients_are_the_shops(whole_history: list[Record]) -> None:
    allowed = {f"shopper{n:05d}@mail.example" for n in range(1, 5001)}
    assert {record["recipient"] for record in whole_history} <= allowed
    few = parse(
        walk(
            event_list(broken_rate=0, recipients=3, recipient_pattern="c{n}@x.example"), Window(None, EPOCH_US + DAY_US)
        )
    )
    assert {record["recipient"] for record in few} <= {"c1@x.example", "c2@x.example"}


@pytest.mark.parametrize("rate", [0, 0.004, 0.1])
def test_the_set_share_of_records_breaks_the_contract(rate: float) -> None:
    window = Window(EPOCH_US + 2 * DAY_US, EPOCH_US + (7 if rate < 0.01 else 3) * DAY_US)
    records = parse(walk(event_list(broken_rate=rate), window))
    broken = [record for record in records if not is_valid(record)]
    assert len(broken) / len(records) == pytest.approx(rate, rel=0.4)
    assert len(records) == len(walk(event_list(broken_rate=0), window))


def test_records_break_in_every_way(whole_history: list[Record]) -> None:
    words = [(index << 32) // len(Breakage) + variant for index in range(len(Breakage)) for variant in range(1, 7)]
    broken = [break_record(dict(whole_history[0]), drawn_flaw(word), word) for word in words]
    assert not any(map(is_valid, broken))
    objects = [record for record in broken if isinstance(record, dict)]
    assert any("event_id" not in record for record in objects)
    assert any("recipient" not in record for record in objects)
    assert any(record.get("type") == "snoozed" for record in objects)
    assert any(record.get("occurred_at") == "yesterday" for record in objects)
    assert {type(record) for record in broken} == {dict, int, str, float, list, type(None), bool}
    assert orjson.dumps(broken)


def is_valid(record: Any) -> bool:
    """Return whether a record keeps to the contract."""
    try:
        parse_rfc3339(Event.model_validate(record, strict=False).occurred_at)
    except ValueError:
        return False
    return isinstance(record, dict)
