"""A clock that a test sets, in place of the monotonic one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Seconds, as `time.monotonic` gives them."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now
