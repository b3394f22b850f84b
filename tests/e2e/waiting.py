"""Waits for events in containers by polling, because there is nothing to subscribe to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T | None], *, seconds: float, what: str, every: float = 0.5) -> T:
    """Return the first true result of `look`. After `seconds`, raises AssertionError that names `what` was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}; last seen: {seen!r}"
        time.sleep(every)
