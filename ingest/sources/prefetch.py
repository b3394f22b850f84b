"""Reads an iterator one item ahead of its consumer, so that waiting for the next overlaps the work on this one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def prefetched(items: Iterator[T]) -> Iterator[Iterator[T]]:
    """`items`, none of which is None, in their order, each fetched by a thread while the one before is used.

    An error of `items` is raised if its item would have come. At the end a fetch under way is waited for.
    """
    context = copy_context()  # what loggers have bound
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as thread:

        def fetch() -> T | None:
            return context.run(lambda: next(items, None))

        def ahead() -> Iterator[T]:
            coming = thread.submit(fetch)
            while (item := coming.result()) is not None:
                coming = thread.submit(fetch)
                yield item

        yield ahead()
