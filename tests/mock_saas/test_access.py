"""Token buckets and the clock."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_saas.api.access import TokenBuckets
from mock_saas.clock import ProviderClock
from mock_saas.timestamps import format_us


class Stopwatch:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_bucket_empties_and_fills() -> None:
    time = Stopwatch()
    buckets = TokenBuckets(rate=2, burst=3, monotonic=time)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    time.seconds += 0.25
    assert buckets.take("a") == 0.25
    time.seconds += 0.25
    assert buckets.take("a") == 0
    time.seconds += 3600
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


@given(st.floats(0.1, 100), st.integers(1, 20), st.lists(st.floats(0, 2), min_size=1, max_size=50))
def test_never_more_than_the_burst_and_the_rate(rate: float, burst: int, pauses: list[float]) -> None:
    time = Stopwatch()
    buckets = TokenBuckets(rate, burst, monotonic=time)
    admitted = 0
    for pause in pauses:
        time.seconds += pause
        admitted += buckets.take("a") == 0
    assert admitted <= burst + rate * sum(pauses) + 1e-6


@given(st.floats(0.1, 100), st.integers(1, 20))
def test_who_waits_as_told_is_admitted(rate: float, burst: int) -> None:
    time = Stopwatch()
    buckets = TokenBuckets(rate, burst, monotonic=time)
    for _ in range(burst + 5):
        time.seconds += buckets.take("a") + 1e-9
    waits = [buckets.take("a")]
    time.seconds += waits[0] + 1e-6
    assert buckets.take("a") == 0 or waits[0] == 0


def test_rate_zero_is_no_limit() -> None:
    buckets = TokenBuckets(rate=0, burst=1)
    assert {buckets.take("a") for _ in range(100)} == {0}


def test_the_clock_never_runs_backwards() -> None:
    host = iter([10_000_000_000, 9_000_000_000, 11_000_000_000])
    clock = ProviderClock(offset_seconds=-2.5, read_ns=lambda: next(host))
    assert [clock.now_us() for _ in range(3)] == [7_500_000, 7_500_000, 8_500_000]


def test_the_clock_stands_at_business_now_until_it_is_advanced() -> None:
    clock = ProviderClock.of(datetime(2028, 2, 29, 23, 58, tzinfo=UTC), 0)
    assert format_us(clock.now_us()) == format_us(clock.now_us()) == "2028-02-29T23:58:00.000000Z"
    clock.advance(120)
    assert format_us(clock.now_us()) == "2028-03-01T00:00:00.000000Z"


def test_the_clock_can_only_be_advanced() -> None:
    clock = ProviderClock(read_ns=lambda: 0)
    clock.advance(1.5)
    assert clock.now_us() == 1_500_000
    assert clock.offset_seconds == 1.5
    with pytest.raises(ValueError, match="only be advanced"):
        clock.advance(-1)
