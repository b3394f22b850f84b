"""The provider's own clock."""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from mock_saas.timestamps import MICROSECONDS, to_us


class ProviderClock:
    """Real time plus an offset that can only grow. It never runs backwards.

    If the host's clock were set back, a campaign that was just edited would vanish and come again. So this clock stands
    still until the host's has caught up.

    Args:
        offset_seconds: added to real time; may be negative.
        read_ns: the host's clock, nanoseconds since the Unix epoch.
        keep: gets the new offset (seconds) before the clock is advanced.
    """

    def __init__(
        self,
        offset_seconds: float = 0.0,
        read_ns: Callable[[], int] = time.time_ns,
        keep: Callable[[float], None] | None = None,
    ) -> None:
        self._offset_us = round(offset_seconds * MICROSECONDS)
        self._read_ns = read_ns
        self._latest_us = 0
        self._keep = keep
        self._lock = Lock()

    @classmethod
    def of(
        cls,
        business_now: datetime | None,
        offset_seconds: float,
        keep: Callable[[float], None] | None = None,
    ) -> "ProviderClock":
        """Return a clock that stands ``offset_seconds`` after ``business_now`` until it is advanced; None:
        real time.
        """
        if business_now is None:
            return cls(offset_seconds, keep=keep)
        stands_at_ns = to_us(business_now) * 1000
        return cls(offset_seconds, lambda: stands_at_ns, keep)

    def now_us(self) -> int:
        """Return the time in microseconds since the Unix epoch."""
        with self._lock:
            self._latest_us = max(self._latest_us, self._read_ns() // 1000 + self._offset_us)
            return self._latest_us

    def advance(self, seconds: float) -> None:
        """Move the clock forward.

        Raises:
            ValueError: ``seconds`` is negative.
        """
        if seconds < 0:
            raise ValueError(f"the clock can only be advanced, not moved by {seconds} seconds")
        with self._lock:
            offset_us = self._offset_us + round(seconds * MICROSECONDS)
            if self._keep is not None:
                self._keep(offset_us / MICROSECONDS)
            self._offset_us = offset_us

    @property
    def offset_seconds(self) -> float:
        """The offset from real time, or from the moment at which the clock first stood."""
        return self._offset_us / MICROSECONDS
