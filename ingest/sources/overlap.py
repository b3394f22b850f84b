"""Several reader threads that read ahead of one consumer.

                 part -> reader thread \\
    parts ->                             bounded queue -> the consumer
                 part -> reader thread /

The queue is the only buffer: a consumer that is slower than the readers stops them, and memory does not grow.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from queue import Queue
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Ended:
    error: BaseException | None = None


@dataclass(frozen=True)
class _Item(Generic[T]):
    value: T


def overlapped(parts: Sequence[Callable[[], Iterator[T]]], *, readers: int, ahead: int) -> Iterator[T]:
    """Yield the items of all `parts` as they come.

    Each part is read by one of `readers` threads, which are at most `ahead` items before the consumer. The first error
    of a part is raised unchanged, after every reader has stopped.
    """
    queue: Queue[_Item[T] | _Ended] = Queue(maxsize=ahead)
    remaining = deque(parts)
    stopped = threading.Event()

    def read() -> None:
        error = None
        try:
            while remaining and not stopped.is_set():
                try:
                    part = remaining.popleft()
                except IndexError:
                    return  # another reader took the last one
                with closing(part()) as items:  # type: ignore[type-var]
                    for item in items:
                        queue.put(_Item(item))
                        if stopped.is_set():
                            return
        except BaseException as problem:
            error = problem
        finally:
            queue.put(_Ended(error))

    threads = [threading.Thread(target=read, name=f"reader-{n}", daemon=True) for n in range(min(readers, len(parts)))]
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running:
            found = queue.get()
            if isinstance(found, _Item):
                yield found.value
                continue
            running -= 1
            if found.error is not None:
                raise found.error
    finally:
        stopped.set()
        while running:  # a reader may be waiting for room in the queue
            running -= isinstance(queue.get(), _Ended)
        for thread in threads:
            thread.join()
