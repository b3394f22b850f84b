"""A stream has one budget of waiting in a run, over the tries of its task and over the workers that it is handed to."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from prefect import flow, task
from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed, Failed, State

from ingest.contracts.registry import ContractRegistry
from ingest.errors import PlatformError, RateLimitedError, TransientError
from ingest.lake.objects.store import ObjectStore
from ingest.retry import WaitBudget, WaitBudgets, give_up
from ingest.run.shared import SharedIngestion
from ingest.settings import LakeSettings
from orchestration.prefect.deploy.deployments import deployment_specs
from orchestration.prefect.deploy.settings import DeploySettings
from orchestration.prefect.operate.api import prefect_api
from orchestration.prefect.run import dispatch
from orchestration.prefect.run.dispatch import DispatchSettings, StreamDispatcher
from orchestration.prefect.run.task_retries import TaskRetries, is_transient
from orchestration.runtime.names import STREAM_DEPLOYMENT
from orchestration.settings import OrchestrationSettings
from orchestration.worker.handoff import ErrorNote, Handoff

LOGGER = logging.getLogger("tests")
[FORM] = [
    spec.schema
    for spec in deployment_specs(ContractRegistry.load(), DeploySettings().schedules)
    if spec.name == STREAM_DEPLOYMENT
]
SETTINGS = OrchestrationSettings(task_retries=2, task_retry_seconds=10)


@dataclass
class Workers:
    """The outcome of each hand-out: the worker's wait and its error, or None if it died."""

    store: ObjectStore
    ends: list[tuple[float, PlatformError] | None]
    budgets_given: list[float] = field(default_factory=list)

    def start(self, deployment: str, *, parameters: dict[str, Any], **_: Any) -> FlowRun:
        unknown = parameters.keys() - FORM["properties"].keys()
        assert not unknown, "the API would refuse them"
        self.budgets_given.append(parameters["wait_budget_seconds"])
        return FlowRun(id=uuid.uuid4(), flow_id=uuid.uuid4(), name="orders")

    def read_flow_run(self, flow_run_id: uuid.UUID) -> FlowRun:
        end = self.ends.pop(0)
        state: State[Any] = Crashed(message="silent")
        if end is not None:
            waited, error = end
            state = Failed(message=str(error))
            left = Handoff(stream="orders", host="a", error=ErrorNote.of(error), waited_seconds=waited)
            left.write(self.store, str(flow_run_id))
        return FlowRun(id=flow_run_id, flow_id=uuid.uuid4(), state=state, state_type=state.type)


@pytest.fixture
def workers(lake_settings: LakeSettings, monkeypatch: pytest.MonkeyPatch) -> Workers:
    workers = Workers(ObjectStore(lake_settings), [])

    @contextmanager
    def client() -> Iterator[Workers]:
        yield workers

    monkeypatch.setattr(dispatch, "sync_client", client)
    monkeypatch.setattr(dispatch, "run_deployment", workers.start)
    monkeypatch.setattr(dispatch, "get_run_logger", lambda: LOGGER)
    return workers


def dispatcher(workers: Workers, budgets: WaitBudgets) -> StreamDispatcher:
    wait = timedelta(seconds=60)
    here = MagicMock()
    here.is_quick.return_value = False
    here.shared.return_value = SharedIngestion(versions={"orders": 0})
    return StreamDispatcher(
        DispatchSettings("flow/stream", stale=wait, start_within=wait),
        "run",
        here,
        {"orders": MagicMock()},
        workers.store,
        MagicMock(),
        backfill=None,
        with_keys=frozenset(),
        budgets=budgets,
        retries=TaskRetries(SETTINGS),
    )


def tried(work: StreamDispatcher) -> TransientError:
    """Return the error of one try of the stream's task."""
    with pytest.raises(TransientError) as caught:
        work.ingest("orders")
    return caught.value


def test_each_worker_gets_what_is_left_and_gives_back_what_it_spent(workers: Workers) -> None:
    budgets = WaitBudgets(300)
    workers.ends = [(100.0, TransientError("broke off")), None, (50.0, TransientError("broke off")), (0.0, limited())]
    work = dispatcher(workers, budgets)

    assert not tried(work).final  # and Prefect waits 10 s
    assert not tried(work).final  # and 20 s
    last = tried(work)
    assert workers.budgets_given == [300, 190, 190, 120]
    assert budgets.of("orders").seconds == 120
    assert last.final
    assert last.retry_at == datetime(2026, 1, 31, 13, tzinfo=UTC)
    assert "Come back at" in str(last)


def limited() -> RateLimitedError:
    error = RateLimitedError("the API asks to wait", retry_after=timedelta(hours=1))
    give_up(error, WaitBudget(120))
    error.retry_at = datetime(2026, 1, 31, 13, tzinfo=UTC)
    return error


def test_a_stream_of_which_workers_die_is_handed_out_so_often_in_all(workers: Workers) -> None:
    workers.ends = [None, (0.0, TransientError("broke off")), None, None]
    work = dispatcher(workers, WaitBudgets(300))
    assert not tried(work).final
    last = tried(work)
    assert last.final
    assert "4 workers in turn" in str(last)
    assert workers.ends == []


def test_a_wait_between_tries_that_does_not_fit_makes_the_error_final(workers: Workers) -> None:
    budgets = WaitBudgets(15)
    workers.ends = [(0.0, TransientError("broke off")), (0.0, TransientError("broke off"))]
    work = dispatcher(workers, budgets)
    assert not tried(work).final
    assert tried(work).final
    assert budgets.of("orders").seconds == 5


@pytest.mark.parametrize(("budget", "tries"), [(100.0, 3), (0.015, 2), (0.0, 1)])
def test_prefect_tries_a_task_again_only_while_its_budget_lasts(budget: float, tries: int) -> None:
    retries = TaskRetries(SETTINGS.model_copy(update={"task_retry_seconds": 0.01}))
    left = WaitBudget(budget)
    made: list[int] = []

    @task(retry_condition_fn=is_transient)
    def land() -> None:
        made.append(1)
        with retries.paid_by(left, "orders"):
            raise TransientError("broke off")

    @flow
    def run() -> Any:
        state: Any = retries.of(land)(return_state=True)
        return state

    with prefect_api(quiet=True):
        state: State[Any] = run(return_state=True)
    assert state.is_failed()
    assert len(made) == tries
    assert left.seconds == pytest.approx(budget - 0.01 * (2 ** (tries - 1) - 1))
