"""Ends a process whose run was stopped by Ctrl-C or SIGTERM.

When the exception has left the flow, dbt has ended, the warehouse is closed and the lock is released. Prefect's worker
threads may remain. Prefect stops them by raising in them at any point, and a thread that is stopped in the middle of an
import never ends and keeps the interpreter alive. So the process exits without waiting for them.

Now and then the exception never leaves the flow, because Prefect's engine waits for a task that no longer exists. So a
second thread watches for the signal too, and exits the process when the time to close resources is over.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from orchestration.runtime.lost_signals import dropped_stops_are_raised_again, stop_signal

_UNWIND_SECONDS = 25.0
"""How long a stopped run may take to close what it opened: dbt's end is most of that. Kubernetes gives 30 in all."""
_STOPPED = "Stopped. Nothing was half-committed; the next run goes on from here."


@contextmanager
def leave_when_stopped(say: Callable[[str], object], *, unwind_seconds: float = _UNWIND_SECONDS) -> Iterator[None]:
    """Exit the process if the block is stopped: exit code 130 for Ctrl-C, death by SIGTERM for SIGTERM.

    Resources that are not closed after `unwind_seconds` are abandoned; the exit code of SIGTERM is 143 then. A second
    Ctrl-C is ignored, because the first one's work is bounded in time. Only for the main thread.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    def give_up(number: int) -> None:
        try:
            say(_STOPPED)
            _flush()
        finally:
            os._exit(128 + number)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with _after_stop_signal(unwind_seconds, give_up), dropped_stops_are_raised_again():
            yield
    except BaseException as error:
        number = stop_signal(error)
        if number is None:
            raise
        say(_STOPPED)
        _leave(number)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _after_stop_signal(seconds: float, work: Callable[[int], None]) -> Iterator[None]:
    """Do `work` that long after the first SIGINT or SIGTERM, whatever handler Prefect set, unless the block
    has ended.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    ended = threading.Event()

    def listen() -> None:
        number = _first_stop_signal(reader)
        if number is not None and not ended.wait(seconds):
            work(number)
        os.close(reader)

    threading.Thread(target=listen, name="stop-signals", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        os.close(writer)


def _first_stop_signal(reader: int) -> int | None:
    """Return the number of the first stop signal in the pipe; None after the other end is closed."""
    while number := os.read(reader, 1):
        if number[0] in (signal.SIGINT, signal.SIGTERM):
            return number[0]
    return None


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _leave(number: int) -> None:
    _flush()
    if number == signal.SIGTERM:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    os._exit(128 + number)
