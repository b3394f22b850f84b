"""Waiting for what containers do: asked again and again, for there is no event to subscribe to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T | None], *, seconds: float, what: str, every: float = 0.2) -> T:
    """The first answer of `look` that is true. Raises AssertionError, saying what was awaited, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}; last seen: {seen!r}"
        time.sleep(every)
