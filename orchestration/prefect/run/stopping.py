"""Ending a process whose run was stopped by Ctrl-C or SIGTERM.

By the time the exception has left the flow, dbt is ended, the warehouse is closed and the lock released. What may
remain are Prefect's worker threads: it stops them by raising in them wherever they are, and one that is stopped in the
middle of an import never ends, and keeps the interpreter from ending. So the process is left without asking them.

Now and then the exception never leaves the flow: Prefect's engine waits for a task that is no more. So somebody else
watches for the signal too, and leaves the process when the time to close things is over.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from prefect.exceptions import TerminationSignal

_UNWIND_SECONDS = 25.0
"""How long a stopped run may take to close what it opened: dbt's end is most of that. Kubernetes gives 30 in all."""
_STOPPED = "Stopped. Nothing was half-committed; the next run goes on from here."


@contextmanager
def leave_when_stopped(say: Callable[[str], object], *, unwind_seconds: float = _UNWIND_SECONDS) -> Iterator[None]:
    """Leave the process where the block is stopped: exit code 130 for Ctrl-C, SIGTERM's own end for SIGTERM.

    What is not closed after `unwind_seconds` is left as it is; the exit code of SIGTERM is 143 then. Further Ctrl-C are
    ignored: the first one's work is bounded in time. For the main thread.
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
        with _after_stop_signal(unwind_seconds, give_up):
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
    """Do `work` so long after the first SIGINT or SIGTERM, whatever handler Prefect set; not once the block ended."""
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
    """The number of the first one that comes over the pipe; None once the other end is closed."""
    while number := os.read(reader, 1):
        if number[0] in (signal.SIGINT, signal.SIGTERM):
            return number[0]
    return None


def stop_signal(error: BaseException) -> int | None:
    """The signal that an exception, or one in its group, stands for; None if it stands for none.

    Prefect groups it with what else breaks when a run is stopped.
    """
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    if isinstance(error, TerminationSignal):
        return int(error.signal)
    if isinstance(error, BaseExceptionGroup):
        return next((number for item in error.exceptions if (number := stop_signal(item)) is not None), None)
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
