"""Several readers ahead of one consumer: everything arrives once, errors stop all, nothing is left running."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.overlap import overlapped


def reader_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("reader-")]


def numbers(part: int, count: int) -> Iterator[tuple[int, int]]:
    for number in range(count):
        yield part, number


@given(
    counts=st.lists(st.integers(0, 20), max_size=8),
    readers=st.integers(1, 4),
    ahead=st.integers(1, 3),
)
def test_every_item_of_every_part_arrives_once_and_in_its_parts_order(
    counts: list[int], readers: int, ahead: int
) -> None:
    parts = [partial(numbers, part, count) for part, count in enumerate(counts)]

    found = list(overlapped(parts, readers=readers, ahead=ahead))

    assert Counter(found) == Counter((part, number) for part, count in enumerate(counts) for number in range(count))
    for part in range(len(counts)):
        assert [number for of, number in found if of == part] == list(range(counts[part]))
    assert reader_threads() == []


def test_one_reader_keeps_the_order_of_the_parts() -> None:
    parts = [partial(numbers, part, 3) for part in range(3)]

    assert [part for part, _ in overlapped(parts, readers=1, ahead=1)] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_the_error_of_a_part_is_raised_after_all_readers_have_stopped() -> None:
    def broken() -> Iterator[tuple[int, int]]:
        yield 9, 0
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        list(overlapped([partial(numbers, 0, 1000), broken, partial(numbers, 1, 1000)], readers=2, ahead=1))

    assert reader_threads() == []


def test_a_consumer_that_stops_early_closes_every_part_that_was_begun() -> None:
    closed = []

    def endless(part: int) -> Iterator[int]:
        try:
            while True:
                yield part
        finally:
            closed.append(part)

    items = overlapped([partial(endless, part) for part in range(5)], readers=3, ahead=1)
    next(items)
    items.close()  # type: ignore[attr-defined]

    assert len(closed) <= 3
    assert reader_threads() == []


def test_readers_wait_for_a_consumer_that_is_slower() -> None:
    given_out = []

    def counted() -> Iterator[int]:
        for number in range(100):
            given_out.append(number)
            yield number

    items = overlapped([counted], readers=1, ahead=2)
    for taken, number in enumerate(items, 1):
        assert number == taken - 1
        assert len(given_out) <= taken + 3  # two in the queue, one at its door
