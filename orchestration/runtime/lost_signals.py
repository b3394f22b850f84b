"""Stops a process whose stop signal raised at a point where Python drops exceptions.

A signal's handler runs between any two steps of the main thread, so also in the callback of a weak reference or in
`__del__`. Nothing can leave those: Python prints "Exception ignored in" with a traceback, and goes on.
https://docs.python.org/3/library/sys.html#sys.unraisablehook
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from prefect.exceptions import TerminationSignal

_CALLBACK_SECONDS = 0.05
"""How long the callback that dropped the exception may take to end. If it takes longer, it drops the next one too."""


@contextmanager
def dropped_stops_are_raised_again() -> Iterator[None]:
    """Raise a stop signal's exception in the main thread again after Python dropped it. Only for the main thread.

    A stop that Prefect raised in a worker thread, and that was dropped there, is not printed.
    """
    before = sys.unraisablehook

    def dropped(unraisable: sys.UnraisableHookArgs) -> None:
        error = unraisable.exc_value
        number = None if error is None else stop_signal(error)
        if error is not None and number is not None:
            _raise_again(error, number)
        elif not isinstance(error, asyncio.CancelledError):
            before(unraisable)

    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = before


def stop_signal(error: BaseException) -> int | None:
    """Return the signal that an exception, or one in its group, stands for; None if there is none.

    Prefect groups it with other exceptions that a stopped run raises.
    """
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    if isinstance(error, TerminationSignal):
        return int(error.signal)
    if isinstance(error, BaseExceptionGroup):
        return next((number for item in error.exceptions if (number := stop_signal(item)) is not None), None)
    return None


def _raise_again(error: BaseException, number: int) -> None:
    def handler(_number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise error

    signal.signal(number, handler)
    timer = threading.Timer(_CALLBACK_SECONDS, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()
