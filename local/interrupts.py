"""Stop signals, such as Ctrl-C, turned into one exception that stops the stack once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked this program to stop. It is no Exception, so that no handler on its way retries or logs it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)

    @property
    def exit_code(self) -> int:
        """The exit code that shells expect: 130 for Ctrl-C."""
        return 128 + self.signal


@contextmanager
def raised_signals() -> Iterator[None]:
    """Raise Interrupted in the main thread at the first stop signal within the block. Ignore further signals.

    A second Ctrl-C must not interrupt the stopping of children, which is bounded in time. If `nohup` ignores the
    hang-up signal, it stays ignored.
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
