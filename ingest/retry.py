"""The one retry policy: it reads the error's type, and waits within a budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential
from tenacity.stop import stop_base

from ingest.errors import RateLimitedError, TransientError, UnreachableError

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 20.0


@dataclass
class WaitBudget:
    """Seconds that may still be spent on waiting, shared by all retries of one stream."""

    seconds: float

    def spend(self, seconds: float) -> None:
        """Take `seconds` off."""
        self.seconds -= seconds


class _stop_within_budget(stop_base):
    """Stop when the next wait would not fit into the budget, or after so many tries."""

    def __init__(self, budget: WaitBudget, attempts: int, unreachable_attempts: int) -> None:
        self._budget = budget
        self._attempts = attempts
        self._unreachable_attempts = unreachable_attempts

    def __call__(self, retry_state: RetryCallState) -> bool:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        attempts = self._unreachable_attempts if isinstance(error, UnreachableError) else self._attempts
        return retry_state.attempt_number >= attempts or retry_state.upcoming_sleep > self._budget.seconds


def retrying(
    budget: WaitBudget,
    *,
    attempts: int = 6,
    unreachable_attempts: int | None = None,
    before_retry: Callable[[TransientError, float], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Retrying:
    """Retries TransientError alone: after what the provider asked for, else capped exponential backoff with jitter.

    The last error is raised as it is when the tries or the budget are used up. `before_retry` gets the error and the
    seconds of the coming wait. `unreachable_attempts` are the tries where nothing answers, `attempts` by default: a
    server that starts again needs more time than a request that failed.
    """
    backoff = wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimitedError) and error.retry_after is not None:
            return max(error.retry_after.total_seconds(), 0.0)
        return backoff(state)

    def note(state: RetryCallState) -> None:
        budget.spend(state.upcoming_sleep)
        error = state.outcome.exception() if state.outcome else None
        if before_retry is not None and isinstance(error, TransientError):
            before_retry(error, state.upcoming_sleep)

    return Retrying(
        retry=retry_if_exception_type(TransientError),
        wait=wait,
        stop=_stop_within_budget(budget, attempts, unreachable_attempts or attempts),
        before_sleep=note,
        sleep=sleep,
        reraise=True,
    )
