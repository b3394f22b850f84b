"""A run that was handed out cannot be ended, or is gone: the flow logs it and goes on."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Crashed, Running, State

from ingest.errors import ConfigurationError, PlatformError, TransientError
from ingest.retry import WaitBudgets
from orchestration.prefect.run import dispatch
from orchestration.prefect.run.dispatch import DispatchSettings, StreamDispatcher
from orchestration.prefect.run.task_retries import TaskRetries
from orchestration.settings import OrchestrationSettings
from tests.orchestration.runtime.test_silence import STALE

LOGGER = logging.getLogger("tests")
API_ERRORS = [
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("too slow"),
    httpx.HTTPStatusError("500 Server Error", request=httpx.Request("GET", "http://api"), response=httpx.Response(500)),
    ObjectNotFound(httpx.HTTPError("404")),
]


@dataclass
class Api:
    """A client whose calls fail on demand, and that records the states that it gets."""

    state: State[Any]
    reading: Exception | None = None
    writing: Exception | None = None
    given: list[State[Any]] = field(default_factory=list)

    def read_flow_run(self, flow_run_id: uuid.UUID) -> FlowRun:
        if self.reading is not None:
            raise self.reading
        return FlowRun(id=flow_run_id, flow_id=uuid.uuid4(), state=self.state, state_type=self.state.type)

    def set_flow_run_state(self, flow_run_id: uuid.UUID, state: State[Any]) -> None:
        if self.writing is not None:
            raise self.writing
        self.given.append(state)


@pytest.mark.parametrize("error", API_ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["reading", "writing"])
def test_an_api_error_while_a_run_is_ended_is_logged_by_stream(
    error: Exception, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    api: Any = Api(Running(), **{where: error})
    with caplog.at_level(logging.WARNING):
        dispatch._end(api, uuid.uuid4(), "orders", Crashed(message="silent"), LOGGER)

    [record] = caplog.records
    assert record.getMessage().startswith("orders: its flow run '")
    assert "could not be ended" in record.getMessage()


@pytest.mark.parametrize(("state", "expected"), [(Running(), 1), (Completed(), 0)])
def test_a_run_is_ended_unless_it_has_ended(state: State[Any], expected: int) -> None:
    api: Any = Api(state)
    dispatch._end(api, uuid.uuid4(), "orders", Crashed(message="silent"), LOGGER)

    assert len(api.given) == expected


def dispatcher() -> StreamDispatcher:
    nothing: Any = None
    settings = DispatchSettings("flow/stream", stale=STALE, start_within=STALE)
    return StreamDispatcher(
        settings,
        "run",
        nothing,
        {},
        nothing,
        nothing,
        backfill=None,
        with_keys=frozenset(),
        budgets=WaitBudgets(0),
        retries=TaskRetries(OrchestrationSettings()),
    )


def test_a_flow_that_leaves_ends_what_it_can_and_raises_what_it_left_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api(Running(), reading=httpx.ConnectError("refused"))

    @contextmanager
    def client() -> Iterator[Api]:
        yield api

    monkeypatch.setattr(dispatch, "sync_client", client)
    monkeypatch.setattr(dispatch, "get_run_logger", lambda: LOGGER)
    work = dispatcher()
    work._open = {uuid.uuid4(): "orders", uuid.uuid4(): "products"}
    with caplog.at_level(logging.WARNING), pytest.raises(PlatformError, match="the run is over"), work:
        raise PlatformError("the run is over")

    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["orders", "products"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(409, ConfigurationError), (422, ConfigurationError), (500, TransientError), (429, TransientError)],
)
def test_a_deployment_of_other_contracts_is_bad_input_and_a_busy_server_is_asked_again(
    status: int, kind: type[PlatformError]
) -> None:
    answer = httpx.Response(status, json={"detail": "Validation failed: 'invoices'\nis not one of"})
    refusal = httpx.HTTPStatusError("no", request=httpx.Request("POST", "http://api"), response=answer)
    error = dispatch._refused(refusal, "invoices")

    assert type(error) is kind
    assert error.stream == "invoices"
    assert kind is TransientError or "Validation failed: 'invoices' is not one of" in str(error)


def test_a_run_that_somebody_deleted_fails_its_stream_by_name() -> None:
    api: Any = Api(Running(), reading=ObjectNotFound(httpx.HTTPError("404")))
    with pytest.raises(PlatformError, match="orders: its flow run was deleted"):
        dispatcher()._read(api, uuid.uuid4(), "orders", LOGGER)
