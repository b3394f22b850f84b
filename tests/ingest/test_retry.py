"""The retry policy: it reads the error's type, waits as asked, and never longer than its budget. No test sleeps."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import errors
from ingest.errors import PlatformError, RateLimitedError, TransientError, UnreachableError
from ingest.retry import WaitBudget, retrying


class Calls:
    """A call that raises `failures` in turn, then answers."""

    def __init__(self, failures: Sequence[BaseException]) -> None:
        self._failures = list(failures)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self._failures:
            raise self._failures.pop(0)
        return "answer"


def limited(seconds: float | None) -> RateLimitedError:
    return RateLimitedError("slow down", retry_after=None if seconds is None else timedelta(seconds=seconds))


def run(
    call: Callable[[], str], budget: WaitBudget, slept: list[float], attempts: int = 6
) -> tuple[str | None, TransientError | None]:
    try:
        return retrying(budget, attempts=attempts, sleep=slept.append)(call), None
    except TransientError as error:
        return None, error


@pytest.mark.parametrize("error", [TransientError("x"), UnreachableError("x"), limited(1), limited(None)])
def test_a_transient_error_is_tried_again(error: TransientError) -> None:
    call, slept = Calls([error, error]), list[float]()
    assert run(call, WaitBudget(100), slept) == ("answer", None)
    assert call.count == 3
    assert len(slept) == 2


@pytest.mark.parametrize(
    "error",
    [
        *(
            getattr(errors, name)("x")
            for name in (
                "PlatformError",
                "ConfigurationError",
                "ContractError",
                "SchemaDriftError",
                "AccessError",
                "DataError",
                "QuarantineRatioError",
                "ConflictError",
                "FatalError",
                "DamagedLakeError",
            )
        ),
        ValueError("x"),
        OSError("x"),
        TimeoutError("x"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_nothing_else_is_tried_again(error: BaseException) -> None:
    call, slept = Calls([error]), list[float]()
    with pytest.raises(type(error)):
        retrying(WaitBudget(100), sleep=slept.append)(call)
    assert (call.count, slept) == (1, [])


def test_every_error_of_the_taxonomy_is_covered_above() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PlatformError)}
    assert {kind.__name__ for kind in kinds if issubclass(kind, TransientError)} == {
        "TransientError",
        "RateLimitedError",
        "UnreachableError",
    }
    assert len(kinds) == 13


def test_what_the_provider_asks_for_is_waited() -> None:
    slept: list[float] = []
    run(Calls([limited(7), limited(0), limited(2.5), limited(-3)]), WaitBudget(100), slept)
    assert slept == [7, 0, 2.5, 0]


@given(st.lists(st.none(), min_size=1, max_size=8))
def test_backoff_is_capped_and_grows_from_half_a_second(failures: list[None]) -> None:
    slept: list[float] = []
    run(Calls([TransientError("x") for _ in failures]), WaitBudget(1000), slept, attempts=10)
    assert len(slept) == len(failures)
    assert all(0 <= wait <= min(20, 0.5 * 2 ** (at + 1)) for at, wait in enumerate(slept))


@given(st.lists(st.none() | st.floats(0, 60), max_size=12), st.floats(0, 120))
def test_the_budget_is_never_overspent(waits: list[float | None], seconds: float) -> None:
    budget, slept = WaitBudget(seconds), list[float]()
    answer, error = run(Calls([limited(wait) for wait in waits]), budget, slept, attempts=8)
    assert sum(slept) <= seconds + 1e-6
    assert budget.seconds == pytest.approx(seconds - sum(slept))
    assert (answer is None) is (error is not None)
    assert len(slept) <= 7


def test_the_last_error_is_raised_as_it_is_and_at_once_where_the_wait_does_not_fit() -> None:
    slept: list[float] = []
    first, last = limited(5), limited(3600)
    assert run(Calls([first, last]), WaitBudget(60), slept) == (None, last)
    assert slept == [5]


def test_a_server_that_does_not_answer_is_given_more_tries_than_one_that_fails() -> None:
    """It needs about a minute to start again."""

    def tries(error: TransientError) -> tuple[int, float]:
        call, slept = Calls([error] * 30), list[float]()
        with pytest.raises(type(error)):
            retrying(WaitBudget(1000), attempts=4, unreachable_attempts=10, sleep=slept.append)(call)
        return call.count, sum(slept)

    assert tries(TransientError("x"))[0] == 4
    assert tries(UnreachableError("x"))[0] == 10
    mean = sum(tries(UnreachableError("x"))[1] for _ in range(200)) / 200
    assert 35 < mean < 60


def test_a_budget_of_nothing_tries_once() -> None:
    slept: list[float] = []
    call = Calls([limited(1)])
    assert run(call, WaitBudget(0), slept)[1] is not None
    assert (call.count, slept) == (1, [])


def test_calls_that_share_a_budget_share_the_wait() -> None:
    budget, slept = WaitBudget(10), list[float]()
    assert run(Calls([limited(6)]), budget, slept)[0] == "answer"
    assert run(Calls([limited(6)]), budget, slept)[0] is None
    assert slept == [6]


def test_each_wait_is_announced_with_its_cause() -> None:
    told: list[tuple[TransientError, float]] = []
    error = limited(4)
    policy = retrying(
        WaitBudget(10), before_retry=lambda cause, wait: told.append((cause, wait)), sleep=lambda wait: None
    )
    policy(Calls([error]))
    assert told == [(error, 4)]


def test_an_error_keeps_what_it_says_across_processes() -> None:
    error = RateLimitedError("slow down", stream="events", hint="Wait.", retry_after=timedelta(seconds=9))
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy), copy.retry_after) == (RateLimitedError, str(error), timedelta(seconds=9))
    assert str(copy) == "events: slow down. Wait."
