"""Faults: each kind, on which requests, how often; and the admin routes that switch them on."""

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send

from mock_saas.api.context import ConnectionDroppedError
from mock_saas.faults.injection import DropFault, ErrorFault, FaultRegistry, LatencyFault, Verdict
from mock_saas.faults.middleware import FaultMiddleware
from mock_saas.history.randomness import Randomness
from mock_saas.timestamps import to_us
from tests.mock_saas.provider import ADMIN_KEY, NOW_US, Provider, StoppedClock


def statuses(provider: Provider, requests: int, path: str = "/v1/events") -> list[int]:
    """Return the statuses of so many requests in a row."""
    return [provider.get(path, limit=1).status_code for _ in range(requests)]


def test_without_an_admin_key_there_are_no_admin_routes(make_provider: Callable[..., Provider]) -> None:
    provider = make_provider()
    for method, path in (("GET", "/faults"), ("POST", "/faults"), ("DELETE", "/faults"), ("POST", "/clock")):
        response = provider.admin(method, path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
    assert not any(path.startswith("/admin") for path in provider.get("/openapi.json").json()["paths"])


def test_the_admin_routes_need_the_admin_key(provider: Provider) -> None:
    assert provider.request("GET", "/admin/faults", key=None).status_code == 401
    assert provider.request("GET", "/admin/faults").status_code == 403
    assert provider.request("GET", "/admin/faults", key=ADMIN_KEY).json() == []


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_errors_for_the_next_requests(provider: Provider, status: int) -> None:
    provider.fault(kind="error", status=status, count=2, skip=1)
    assert statuses(provider, 5) == [200, status, status, 200, 200]
    (installed,) = provider.admin("GET", "/faults").json()
    assert (installed["seen"], installed["fired"]) == (5, 2)


def test_errors_carry_retry_after_as_set(provider: Provider) -> None:
    provider.fault(kind="error", status=429, retry_after={"seconds": 7}, count=1)
    provider.fault(kind="error", status=503, retry_after={"seconds": 90, "form": "http-date"}, count=1)
    provider.fault(kind="error", status=503, count=1)
    first, second, third = (provider.get("/v1/events") for _ in range(3))
    assert first.headers["retry-after"] == "7"
    assert to_us(parsedate_to_datetime(second.headers["retry-after"])) == NOW_US + 90_000_000
    assert "retry-after" not in third.headers
    assert [each.headers["content-type"] for each in (first, second, third)] == ["application/problem+json"] * 3
    assert first.json()["type"] == "urn:mail-provider:problem:injected-fault"


def test_a_fault_is_for_its_path(provider: Provider) -> None:
    provider.fault(kind="error", status=500, path="/v1/campaigns")
    assert statuses(provider, 2) == [200, 200]
    assert statuses(provider, 2, "/v1/campaigns") == [500, 500]
    assert provider.get("/healthz").status_code == 200


def test_a_rate_meets_its_share_the_same_each_time(provider: Provider) -> None:
    def run() -> list[int]:
        provider.admin("DELETE", "/faults")
        provider.fault(kind="error", status=503, rate=0.3)
        return statuses(provider, 200, "/v1/campaigns/stats")

    first = run()
    assert run() == first
    assert 40 <= first.count(503) <= 80


def test_faults_are_switched_off_one_by_one_and_all(provider: Provider) -> None:
    for status in (500, 503, 429):
        provider.fault(kind="error", status=status)
    assert provider.admin("DELETE", "/faults/1").status_code == 204
    assert provider.admin("DELETE", "/faults/1").status_code == 404
    assert statuses(provider, 1) == [503]
    assert [each["id"] for each in provider.admin("GET", "/faults").json()] == [2, 3]
    assert provider.admin("DELETE", "/faults").status_code == 204
    assert statuses(provider, 1) == [200]


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "gremlin"},
        {"kind": "error"},
        {"kind": "error", "status": 418},
        {"kind": "error", "status": 503, "rate": 0},
        {"kind": "error", "status": 503, "retry_after": {"seconds": -1}},
        {"kind": "error", "status": 503, "count": 0},
        {"kind": "latency"},
        {"kind": "drop", "path": "/healthz"},
        {"kind": "drop", "surprise": 1},
    ],
)
def test_faults_that_make_no_sense_are_refused(provider: Provider, fault: dict[str, Any]) -> None:
    response = provider.admin("POST", "/faults", fault)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert provider.admin("GET", "/faults").json() == []


@pytest.mark.parametrize("advance", [{}, {"advance_seconds": -1}, {"advance_seconds": "x"}, {"advance_seconds": 1e30}])
def test_advances_that_make_no_sense_are_refused(provider: Provider, advance: dict[str, Any]) -> None:
    assert provider.admin("POST", "/clock", advance).status_code == 422


def test_the_clock_is_advanced(provider: Provider) -> None:
    before = provider.admin("GET", "/clock").json()
    after = provider.admin("POST", "/clock", {"advance_seconds": 3600.5}).json()
    assert before == {"now": "2025-03-11T12:00:00.000000Z", "offset_seconds": 0}
    assert after == {"now": "2025-03-11T13:00:00.500000Z", "offset_seconds": 3600.5}


def test_invalid_json_is_a_complete_response(provider: Provider) -> None:
    provider.fault(kind="invalid_json", count=1)
    response = provider.get("/v1/events")
    assert response.status_code == 200
    assert int(response.headers["content-length"]) == len(response.content) > 0
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(response.content)


@pytest.mark.parametrize("kind", ["drop", "truncate"])
def test_a_cut_connection_ends_the_request(provider: Provider, kind: str) -> None:
    provider.fault(kind=kind, count=1)
    with pytest.raises(ConnectionDroppedError):
        provider.get("/v1/events")
    assert provider.get("/v1/events").status_code == 200


def test_a_repeated_page_has_another_cursor_to_the_same_records(provider: Provider) -> None:
    first = provider.get("/v1/events", limit=5).json()
    provider.fault(kind="repeat_page", count=1)
    second = provider.get("/v1/events", limit=5, cursor=first["next_cursor"]).json()
    repeated = provider.get("/v1/events", limit=5, cursor=second["next_cursor"]).json()
    assert repeated["data"] == second["data"] != first["data"]
    assert len({first["next_cursor"], second["next_cursor"], repeated["next_cursor"]}) == 3
    following = provider.get("/v1/events", limit=5, cursor=repeated["next_cursor"]).json()
    assert first["data"] + second["data"] + following["data"] == provider.get("/v1/events", limit=15).json()["data"]


@pytest.mark.parametrize("path", ["/v1/events", "/v1/campaigns"])
def test_a_looping_cursor_leads_nowhere_until_the_fault_ends(provider: Provider, path: str) -> None:
    expected = provider.walk(path, limit=5) if path == "/v1/campaigns" else None
    provider.fault(kind="loop_cursor", count=3)
    first = provider.get(path, limit=5).json()
    second = provider.get(path, limit=5, cursor=first["next_cursor"]).json()
    third = provider.get(path, limit=5, cursor=second["next_cursor"]).json()
    assert first == second == third
    assert first["has_more"]
    fourth = provider.get(path, limit=5, cursor=third["next_cursor"]).json()
    assert fourth["data"] == first["data"]
    assert fourth["next_cursor"] != third["next_cursor"]
    assert expected is None or fourth["data"] == expected[:5]


def test_an_empty_page_is_not_the_last(provider: Provider) -> None:
    expected = provider.walk("/v1/campaigns", limit=10)
    provider.fault(kind="empty_page", rate=0.5)
    cursors: set[str] = set()
    records: list[Any] = []
    page = provider.get("/v1/campaigns", limit=10).json()
    empty = 0
    while page["has_more"]:
        assert page["next_cursor"] not in cursors
        cursors.add(page["next_cursor"])
        records += page["data"]
        empty += not page["data"]
        page = provider.get("/v1/campaigns", limit=10, cursor=page["next_cursor"]).json()
    assert records + page["data"] == expected
    assert empty >= 1


def test_page_faults_leave_the_other_routes_alone(provider: Provider) -> None:
    provider.fault(kind="empty_page", count=1)
    assert provider.get("/v1/events/stats", until="2025-03-02T00:00:00Z").json()["records"] > 0
    assert provider.get("/v1/events").json()["data"] == []


def test_latencies_add_up_and_the_first_other_fault_applies() -> None:
    registry = FaultRegistry(Randomness(1))
    registry.install(LatencyFault(kind="latency", seconds=1.5))
    registry.install(LatencyFault(kind="latency", seconds=2))
    error = ErrorFault(kind="error", status=503)
    registry.install(error)
    registry.install(DropFault(kind="drop"))
    assert registry.judge("/v1/events") == Verdict(3.5, error)
    assert [each.fired for each in registry.installed()] == [1, 1, 1, 0]


def test_latency_comes_before_the_answer(make_provider: Callable[..., Provider]) -> None:
    told: list[str] = []

    async def sleep(seconds: float) -> None:
        told.append(f"slept {seconds}")

    async def answer(_scope: Scope, _receive: Receive, _send: Send) -> None:
        told.append("answered")

    async def receive() -> Message:
        raise AssertionError

    async def send(_message: Message) -> None:
        raise AssertionError

    registry = FaultRegistry(Randomness(1))
    registry.install(LatencyFault(kind="latency", seconds=30, count=1))
    middleware = FaultMiddleware(answer, registry, StoppedClock(), sleep)
    runner = make_provider()._runner
    for _ in range(2):
        runner.run(middleware({"type": "http", "path": "/v1/events", "state": {}}, receive, send))
    assert told == ["slept 30.0", "answered", "answered"]
