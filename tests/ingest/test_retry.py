"""The retry policy: it reads the error's type, waits as asked, and never longer than its budget. No test sleeps."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import errors
from ingest.errors import PlatformError, RateLimitedError, TransientError, UnreachableError
from ingest.retry import Budget, WaitBudget, WaitBudgets, retrying, retrying_to_open
from ingest.retry_policies import API_REQUEST, LOAD_STATEMENT, STREAM_FROM_POSTGRES


class Calls:
    """A function that raises `failures` in turn, then returns."""

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
    call: Callable[[], str], budget: Budget, slept: list[float], tries: int = 6
) -> tuple[str | None, TransientError | None]:
    try:
        return retrying(replace(API_REQUEST, tries=tries), budget, sleep=slept.append)(call), None
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
        retrying(API_REQUEST, WaitBudget(100), sleep=slept.append)(call)
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
    run(Calls([limited(7), limited(30), limited(8.5)]), WaitBudget(100), slept)
    assert slept == [7, 30, 8.5]


@pytest.mark.parametrize("seconds", [0, 0.4, 1, -3, None])
def test_a_provider_that_asks_to_come_back_at_once_is_asked_for_as_long_as_the_budget_lasts(
    seconds: float | None,
) -> None:
    """Its tries have no limit, but each wait costs some of the budget."""
    call, budget, slept = Calls([limited(seconds)] * 1000), WaitBudget(300), list[float]()
    answer, error = run(call, budget, slept)
    assert answer is None
    assert error is not None
    assert error.final
    assert 280 <= sum(slept) <= 300
    assert min(slept) >= max(0.5, seconds or 0)
    assert max(slept) > 2
    if seconds is not None:
        assert len(slept) > 30
        assert run(Calls([limited(seconds)] * 30), WaitBudget(300), slept)[0] == "answer"


@given(st.lists(st.none(), min_size=1, max_size=8))
def test_backoff_is_capped_and_grows_from_half_a_second(failures: list[None]) -> None:
    slept: list[float] = []
    run(Calls([TransientError("x") for _ in failures]), WaitBudget(1000), slept, tries=10)
    assert len(slept) == len(failures)
    assert all(0.5 <= wait <= min(20, 0.5 * 2**at) for at, wait in enumerate(slept))


@given(st.lists(st.none() | st.floats(0, 60), max_size=12), st.floats(0, 120))
def test_the_budget_is_never_overspent(waits: list[float | None], seconds: float) -> None:
    budget, slept = WaitBudget(seconds), list[float]()
    answer, error = run(Calls([limited(wait) for wait in waits]), budget, slept)
    assert sum(slept) <= seconds + 1e-6
    assert budget.seconds == pytest.approx(seconds - sum(slept))
    assert (answer is None) is (error is not None)


def test_a_wait_that_does_not_fit_ends_all_loops_at_once_and_says_when_to_come_back() -> None:
    slept: list[float] = []
    last, budget = limited(3600), WaitBudget(60)
    outer = retrying(STREAM_FROM_POSTGRES, budget, sleep=slept.append)
    before = datetime.now(UTC)
    with pytest.raises(RateLimitedError) as caught:
        outer(lambda: retrying(API_REQUEST, budget, sleep=slept.append)(Calls([limited(5), last])))
    assert caught.value is last
    assert slept == [5]
    assert last.final
    assert last.retry_at is not None
    assert timedelta(seconds=3600) <= last.retry_at - before < timedelta(seconds=3660)
    assert f"Come back at {last.retry_at:%Y-%m-%dT%H:%M:%SZ}" in str(last)
    assert "WAIT_BUDGET_SECONDS has 55 s left" in str(last)


def test_an_absurd_wait_is_told_too() -> None:
    error = RateLimitedError("slow down", retry_after=timedelta.max)
    assert run(Calls([error]), WaitBudget(60), [])[1] is error
    assert error.retry_at == datetime.max.replace(tzinfo=UTC)


def test_where_the_tries_are_used_up_a_loop_further_out_goes_on_with_what_is_left() -> None:
    budget, slept = WaitBudget(1000), list[float]()
    call = Calls([TransientError("x")] * 10)
    inner = retrying(API_REQUEST, budget, sleep=slept.append)
    assert retrying(STREAM_FROM_POSTGRES, budget, sleep=slept.append)(lambda: inner(call)) == "answer"
    assert call.count == 11
    assert budget.seconds == pytest.approx(1000 - sum(slept))


def test_a_server_that_does_not_answer_is_given_more_tries_than_one_that_fails() -> None:
    """It needs about a minute to start again."""

    def tries(error: TransientError) -> tuple[int, float]:
        call, slept = Calls([error] * 30), list[float]()
        with pytest.raises(type(error)):
            retrying(STREAM_FROM_POSTGRES, WaitBudget(1000), sleep=slept.append)(call)
        return call.count, sum(slept)

    assert tries(TransientError("x"))[0] == 4
    assert tries(UnreachableError("x"))[0] == 10
    mean = sum(tries(UnreachableError("x"))[1] for _ in range(200)) / 200
    assert 35 < mean < 60
    call = Calls([UnreachableError("x")])
    with pytest.raises(UnreachableError):
        retrying(LOAD_STATEMENT, WaitBudget(1000), sleep=lambda wait: None)(call)
    assert call.count == 1


def test_a_run_has_one_budget_for_each_stream() -> None:
    budgets = WaitBudgets(10)
    assert run(Calls([limited(6)]), budgets.of("a"), [])[0] == "answer"
    assert run(Calls([limited(6)]), budgets.of("a"), [])[0] is None
    assert run(Calls([limited(6)]), budgets.of("b"), [])[0] == "answer"


def test_what_streams_wait_for_together_each_of_them_pays() -> None:
    budgets = WaitBudgets(100)
    budgets.of("a").spend(90)
    waited: list[float] = []
    common = budgets.of_all(["a", "b"], at_most=60)
    assert run(Calls([limited(9)]), common, waited)[0] == "answer"
    assert [budgets.of(stream).seconds for stream in ("a", "b", "c")] == [1, 91, 100]
    assert run(Calls([limited(2)]), common, waited)[0] is None
    alone = budgets.of_all(["b"], at_most=60)
    alone.spend(59)
    assert alone.seconds == 1


def test_a_source_that_cannot_be_opened_is_waited_for_a_minute_at_most() -> None:
    budgets = WaitBudgets(300)
    error = limited(61)
    with pytest.raises(RateLimitedError):
        retrying_to_open(budgets, ["a"], lambda cause, wait: None)(Calls([error]))
    assert error.final
    assert budgets.of("a").spent == 0


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
        API_REQUEST,
        WaitBudget(10),
        before_retry=lambda cause, wait: told.append((cause, wait)),
        sleep=lambda wait: None,
    )
    policy(Calls([error]))
    assert told == [(error, 4)]


def test_an_error_keeps_what_it_says_across_processes() -> None:
    error = RateLimitedError("slow down", stream="events", hint="Wait.", retry_after=timedelta(seconds=9))
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy), copy.retry_after) == (RateLimitedError, str(error), timedelta(seconds=9))
    assert str(copy) == "events: slow down. Wait."
    assert not copy.final
    error.final, error.retry_at = True, datetime(2026, 1, 31, tzinfo=UTC)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (copy.final, copy.retry_at, copy.retry_after) == (True, error.retry_at, error.retry_after)
