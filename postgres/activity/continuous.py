"""Simulates the shop's activity until it is stopped."""

import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import FrameType

from psycopg2.extensions import connection as Connection

from postgres.activity.advance import advance
from postgres.activity.report import ActivityReport
from postgres.shop.visits import NO_VISITS, Visits

# Waits up to that many seconds, and returns whether to stop.
Wait = Callable[[float], bool]


@contextmanager
def until_signalled() -> Iterator[Wait]:
    """Yield a wait that ends early, and returns True, after the process has received SIGINT or SIGTERM.

    A signal does not interrupt work in progress: it is noticed at the next wait. Only for the main thread.
    """
    receiver, sender = socket.socketpair()
    with receiver, sender:
        sender.setblocking(False)
        previous_fd = signal.set_wakeup_fd(sender.fileno())
        previous = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield lambda seconds: bool(select.select([receiver], [], [], seconds)[0])
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous_fd)


def keep_advancing(
    connection: Connection,
    *,
    business_now: datetime,
    step: timedelta | None,
    every: timedelta,
    seed: int,
    wait: Wait,
    clock: Callable[[], datetime],
    visits: Visits = NO_VISITS,
    on_advanced: Callable[[datetime, ActivityReport], None],
) -> None:
    """Advance the shop at intervals until `wait` returns True.

    Each advance is by `step`; without a step, up to the time of `clock`, so that the shop lives in real time.
    `on_advanced` gets the business time reached and the report.
    """
    while not wait(every.total_seconds()):
        until = business_now + step if step is not None else clock()
        if until > business_now:
            report = advance(connection, business_now=business_now, span=until - business_now, seed=seed, visits=visits)
            business_now = until
            on_advanced(until, report)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing, because the wake-up descriptor carries the signal."""
