"""Stop signals become one exception, once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from local.interrupts import STOP_SIGNALS, Interrupted, raised_signals


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_DFL) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_is_raised_with_the_exit_code_that_shells_expect(number: signal.Signals, exit_code: int) -> None:
    with pytest.raises(Interrupted) as caught, raised_signals():
        os.kill(os.getpid(), number)

    assert caught.value.exit_code == exit_code


def test_stopping_is_not_interrupted_by_a_second_signal() -> None:
    stopped = []

    def interrupted_twice() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            stopped.append(True)

    with pytest.raises(Interrupted) as caught, raised_signals():
        interrupted_twice()

    assert stopped
    assert caught.value.signal is signal.SIGINT


def test_handlers_are_put_back() -> None:
    with raised_signals():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL

    assert [signal.getsignal(number) for number in STOP_SIGNALS] == [signal.SIG_DFL] * len(STOP_SIGNALS)


def test_hangup_that_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with raised_signals():
        os.kill(os.getpid(), signal.SIGHUP)

    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
