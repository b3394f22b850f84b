"""A clock that a test sets, in place of the monotonic one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """A clock of seconds, in place of `time.monotonic`."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now
