"""Events in the order of their times."""

import heapq
from collections.abc import Iterator
from datetime import datetime
from typing import Generic, TypeVar

Event = TypeVar("Event")


class Timeline(Generic[Event]):
    """A queue by time. Events of the same time come out in the order in which they went in."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Event]] = []
        self._pushed = 0

    def push(self, at: datetime, event: Event) -> None:
        """Add an event. While `until` runs, it must not lie before the event handed out last."""
        heapq.heappush(self._heap, (at, self._pushed, event))
        self._pushed += 1

    def until(self, end: datetime) -> Iterator[tuple[datetime, Event]]:
        """Take out every event up to and including `end`, also those pushed meanwhile."""
        while self._heap and self._heap[0][0] <= end:
            at, _, event = heapq.heappop(self._heap)
            yield at, event
