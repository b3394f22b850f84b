"""Ending a process whose run was stopped by Ctrl-C or SIGTERM.

By the time the exception has left the flow, dbt is ended, the warehouse is closed and the lock released. What may
remain are Prefect's worker threads: it stops them by raising in them wherever they are, and one that is stopped in the
middle of an import never ends, and keeps the interpreter from ending. So the process is left without asking them.
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

_UNWIND_SECONDS = 45.0
"""How long a stopped run may take to close what it opened: dbt's end is most of that."""


@contextmanager
def leave_when_stopped(say: Callable[[str], object]) -> Iterator[None]:
    """Leave the process where the block is stopped: exit code 130 for Ctrl-C, SIGTERM's own end for SIGTERM.

    Further Ctrl-C are ignored: the first one's work is bounded in time.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        watchdog = threading.Timer(_UNWIND_SECONDS, _leave, (signal.SIGINT,))
        watchdog.daemon = True
        watchdog.start()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except BaseException as error:
        number = stop_signal(error)
        if number is None:
            raise
        say("Stopped. Nothing was half-committed; the next run goes on from here.")
        _leave(number)
    finally:
        signal.signal(signal.SIGINT, before)


def stop_signal(error: BaseException) -> int | None:
    """The signal that an exception, or one in its group, stands for; None where it stands for none.

    Prefect groups it with what else breaks when a run is stopped.
    """
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    if isinstance(error, TerminationSignal):
        return int(error.signal)
    if isinstance(error, BaseExceptionGroup):
        return next((number for item in error.exceptions if (number := stop_signal(item)) is not None), None)
    return None


def _leave(number: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if number == signal.SIGTERM:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    os._exit(128 + number)
