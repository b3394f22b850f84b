"""Ctrl-C and its relatives, as one exception that unwinds the stack once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody asked this program to stop. Not an Exception, so that nothing retries or logs it on its way."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)

    @property
    def exit_code(self) -> int:
        """The exit code that shells expect: 130 for Ctrl-C."""
        return 128 + self.signal


@contextmanager
def raised_signals() -> Iterator[None]:
    """Within the block, the first stop signal raises Interrupted in the main thread; further ones are ignored.

    A second Ctrl-C must not interrupt the stopping of children, which is bounded in time. A hang-up that `nohup` has
    set to be ignored stays ignored.
    """

    def first(number: int, _frame: FrameType | None) -> None:
        for other in STOP_SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(number)

    heeded = [
        number for number in STOP_SIGNALS if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, first) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
