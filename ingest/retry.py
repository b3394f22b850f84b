"""The one retry loop: it decides by the error's type, waits by its policy, and never waits longer than its budget.

The policies are in `retry_policies.py`. Each stream of a run has one budget, and all loops take their waits from it. If
the next wait does not fit into the budget, the error is final: no outer loop tries again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from ingest.errors import RateLimitedError, TransientError, UnreachableError
from ingest.retry_policies import FLOOR, LONGEST_UNDER_A_REQUEST, OPENING, RetryPolicy

__all__ = ["Budget", "CommonBudget", "Retrying", "WaitBudget", "WaitBudgets", "give_up", "may_be_retried", "retrying"]


class Budget(Protocol):
    """Seconds that may still be spent on waiting. `setting` names the setting that a user raises to get more."""

    setting: str

    @property
    def seconds(self) -> float: ...

    def spend(self, seconds: float) -> None: ...


class WaitBudget:
    """Seconds that may still be spent on waiting, shared by all loops of one stream. Thread-safe."""

    def __init__(self, seconds: float, setting: str = "WAIT_BUDGET_SECONDS") -> None:
        self.setting = setting
        self.spent = 0.0
        self._whole = seconds
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """Seconds left."""
        return self._whole - self.spent

    def spend(self, seconds: float) -> None:
        """Take `seconds` off the budget."""
        with self._lock:
            self.spent += seconds


class WaitBudgets:
    """The budgets of one run, one for each stream. Thread-safe."""

    def __init__(self, seconds: float, setting: str = "WAIT_BUDGET_SECONDS") -> None:
        self._seconds = seconds
        self._setting = setting
        self._budgets: dict[str, WaitBudget] = {}
        self._lock = threading.Lock()

    def of(self, stream: str) -> WaitBudget:
        """Return the stream's budget. Each call returns the same object."""
        with self._lock:
            return self._budgets.setdefault(stream, WaitBudget(self._seconds, self._setting))

    def of_all(self, streams: Iterable[str], *, at_most: float = math.inf) -> CommonBudget:
        """Return a budget for waits of several streams together. Each second spent counts for each stream."""
        return CommonBudget([self.of(stream) for stream in streams], WaitBudget(at_most, self._setting))


class CommonBudget:
    """The budget of several streams that wait together. Its limit is the least that any of `budgets`, or `own`, has
    left.
    """

    def __init__(self, budgets: Sequence[WaitBudget], own: WaitBudget) -> None:
        self.setting = own.setting
        self._budgets = (*budgets, own)

    @property
    def seconds(self) -> float:
        """Seconds left."""
        return min(budget.seconds for budget in self._budgets)

    def spend(self, seconds: float) -> None:
        """Take `seconds` off each of the budgets."""
        for budget in self._budgets:
            budget.spend(seconds)


def may_be_retried(error: BaseException | None) -> bool:
    """Return whether another try may help, and whether time is left for it."""
    return isinstance(error, TransientError) and not error.final


def retrying(
    policy: RetryPolicy,
    budget: Budget,
    *,
    before_retry: Callable[[TransientError, float], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Retrying:
    """Return a loop that retries only TransientError, by `policy` and within `budget`.

    If a provider asks for a wait, the loop waits that long, and only the budget limits its tries. The last error is
    raised unchanged if the tries are used up, and as a final error if the next wait does not fit. `before_retry` gets
    the error and the seconds of the coming wait.
    """

    def stop(state: RetryCallState) -> bool:
        error = _error(state)
        if error is None:
            return False
        if not isinstance(error, RateLimitedError):
            tries = policy.tries_at(unreachable=isinstance(error, UnreachableError))
            if tries is not None and state.attempt_number >= tries:
                return True
        if state.upcoming_sleep > budget.seconds:
            give_up(error, budget)
            return True
        return False

    def note(state: RetryCallState) -> None:
        budget.spend(state.upcoming_sleep)
        error = _error(state)
        if before_retry is not None and error is not None:
            before_retry(error, state.upcoming_sleep)

    return Retrying(
        retry=retry_if_exception(may_be_retried),
        wait=lambda state: _wait(policy, state),
        stop=stop,
        before_sleep=note,
        sleep=sleep,
        reraise=True,
    )


def retrying_to_open(
    budgets: WaitBudgets, streams: Iterable[str], note: Callable[[TransientError, float], None]
) -> Retrying:
    """Return the loop by which an orchestrated run opens the source of `streams`. It waits a minute at most.

    `note` gets the error and the seconds of the coming wait. The command line does not wait, so that it reports a wrong
    address at once.
    """
    return retrying(OPENING, budgets.of_all(streams, at_most=OPENING.longest_budget), before_retry=note)


def give_up(error: TransientError, budget: Budget) -> None:
    """Make the error final. Its message names the time to come back, if the provider gave one."""
    error.final = True
    left = f"{budget.setting} has {max(budget.seconds, 0):.0f} s left"
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        error.retry_at = _later(error.retry_after)
        error.hint = f"Come back at {error.retry_at:%Y-%m-%dT%H:%M:%SZ}, as it asks; {left}."
    elif error.hint is None:
        error.hint = f"It was tried for as long as may be: {left}."


def _error(state: RetryCallState) -> TransientError | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, TransientError) else None


def _wait(policy: RetryPolicy, state: RetryCallState) -> float:
    error = _error(state)
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        longest = min(LONGEST_UNDER_A_REQUEST, policy.longest_wait)
        return max(error.retry_after.total_seconds(), backoff(policy.first_wait, longest, state))
    return backoff(policy.first_wait, policy.longest_wait, state)


def backoff(first: float, longest: float, state: RetryCallState) -> float:
    """Return the next wait in seconds: capped exponential backoff with jitter, never shorter than FLOOR."""
    return max(FLOOR, wait_random_exponential(multiplier=first, max=longest)(state))


def _later(wait: timedelta) -> datetime:
    try:
        return datetime.now(UTC) + wait
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
