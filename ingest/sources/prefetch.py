"""Reads an iterator one item ahead of its consumer, so that fetching an item overlaps the work on the one before."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def prefetched(items: Iterator[T]) -> Iterator[Iterator[T]]:
    """Yield `items` in order. A thread fetches each item while the one before is used. No item may be None.

    An error of `items` is raised at the position of its item. At the end, a running fetch is awaited.
    """
    context = copy_context()  # the fields that loggers have bound
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as thread:

        def fetch() -> T | None:
            return context.run(lambda: next(items, None))

        def ahead() -> Iterator[T]:
            coming = thread.submit(fetch)
            while (item := coming.result()) is not None:
                coming = thread.submit(fetch)
                yield item

        yield ahead()
