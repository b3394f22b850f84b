"""An iterator read one item ahead: in order, with its errors where they belong, and no further than one item."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars

from ingest.sources.prefetch import prefetched


def test_items_come_in_order() -> None:
    with prefetched(iter(range(1, 50))) as items:
        assert list(items) == list(range(1, 50))


def test_an_item_is_fetched_while_the_one_before_is_used() -> None:
    fetched = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        fetched.set()
        yield 2

    with prefetched(source()) as items:
        assert next(items) == 1
        assert fetched.wait(10)
        assert list(items) == [2]


def test_an_error_is_raised_where_its_item_would_have_come() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("no second item")

    with prefetched(source()) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="no second item"):
            next(items)


def test_whoever_stops_early_has_caused_one_fetch_too_many_at_most() -> None:
    asked: list[int] = []

    def source() -> Iterator[int]:
        for number in range(1, 100):
            asked.append(number)
            yield number

    with prefetched(source()) as items:
        assert next(items) == 1
    assert asked in ([1], [1, 2])


def test_what_loggers_have_bound_holds_in_the_other_thread() -> None:
    with bound_contextvars(run_id="run-1"), prefetched(get_contextvars() for _ in range(2)) as items:
        assert [found["run_id"] for found in items] == ["run-1", "run-1"]
