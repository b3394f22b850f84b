"""The API as a client meets it: access, paging, windows, errors, headers, the document."""

import asyncio
import logging
from collections.abc import Callable
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from mock_saas.api.context import RequestContextMiddleware
from mock_saas.api.openapi import describe
from mock_saas.timestamps import DAY_US, parse_rfc3339
from mock_saas.windows import Window
from tests.mock_saas.provider import (
    ADMIN_KEY,
    EPOCH,
    EPOCH_US,
    NOW_US,
    Provider,
    StoppedClock,
    campaign_list,
    event_list,
    moment,
    parse,
    walk,
)
from tests.mock_saas.provider import settings as provider_settings

PATHS = ("/v1/campaigns", "/v1/events", "/v1/campaigns/stats", "/v1/events/stats")
DAY = {"from": moment(EPOCH_US + 5 * DAY_US), "until": moment(EPOCH_US + 6 * DAY_US)}


def assert_problem(response: Any, status: int, *, type_: str = "about:blank") -> dict[str, Any]:
    """Return the problem that a response is."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == (type_ if type_ == "about:blank" else f"urn:mail-provider:problem:{type_}")
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == response.request.url.path
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


@pytest.mark.parametrize("path", PATHS)
def test_no_key_is_401_and_another_key_403(provider: Provider, path: str) -> None:
    missing = provider.get(path, key=None)
    assert_problem(missing, 401)
    assert missing.headers["www-authenticate"] == 'Bearer realm="mail-provider"'
    for garbled in ("Bearer", "Bearer ", "Basic abc", "key-of-the-tests", "Bearer a b", "Bearer ü"):
        response = provider.request("GET", path, key=None, headers={"Authorization": garbled.encode()})
        assert_problem(response, 401)
        assert "invalid_request" in response.headers["www-authenticate"]
    for wrong in ("another-key", ADMIN_KEY):
        assert_problem(provider.get(path, key=wrong), 403, type_="unknown-key")
    assert provider.get(path).status_code == 200
    assert provider.request("GET", path, key=None, headers={"Authorization": "bearer key-of-the-tests"}).is_success


def test_access_comes_before_everything_else(provider: Provider) -> None:
    assert_problem(provider.get("/v1/events", key=None, limit="none"), 401)


def test_health_needs_no_key(provider: Provider) -> None:
    assert provider.get("/healthz", key=None).json() == {"status": "ok"}


def test_walks_over_the_api_are_those_of_the_listings(provider: Provider) -> None:
    assert provider.walk("/v1/campaigns", limit=7) == parse(walk(campaign_list()))
    until = EPOCH_US + DAY_US // 4
    expected = parse(walk(event_list(), Window(None, until)))
    assert provider.walk("/v1/events", until=moment(until)) == expected
    stats = provider.get("/v1/events/stats", until=moment(until)).json()
    assert stats["records"] == len(expected) > 100


def test_stats_reconcile_with_walks(provider: Provider) -> None:
    records = provider.walk("/v1/events", limit=1000, **DAY)
    stats = provider.get("/v1/events/stats", **DAY).json()
    ids = {record["event_id"] for record in records if isinstance(record, dict) and "event_id" in record}
    nameless = sum(not (isinstance(record, dict) and "event_id" in record) for record in records)
    assert stats == {"records": len(records), "distinct": len(ids) + nameless}
    assert stats["distinct"] < stats["records"]
    campaigns = provider.walk("/v1/campaigns", until=DAY["until"])
    count = provider.get("/v1/campaigns/stats", until=DAY["until"]).json()
    assert count == {"records": len(campaigns), "distinct": len(campaigns)}


def test_pages_have_a_hundred_records_unless_told(provider: Provider) -> None:
    page = provider.get("/v1/events").json()
    assert list(page) == ["data", "next_cursor", "has_more"]
    assert len(page["data"]) == 100
    assert len(provider.get("/v1/events", limit=1000).json()["data"]) == 1000
    assert len(provider.get("/v1/events", limit=1, cursor=page["next_cursor"]).json()["data"]) == 1


def test_an_empty_window_is_an_empty_page(provider: Provider) -> None:
    bound = DAY["from"]
    empty: dict[str, Any] = {"data": [], "next_cursor": None, "has_more": False}
    assert provider.get("/v1/events", **{"from": bound, "until": bound}).json() == empty
    assert provider.get("/v1/campaigns", **{"from": moment(NOW_US + DAY_US)}).json() == empty
    assert provider.get("/v1/events/stats", **{"from": bound, "until": bound}).json() == {"records": 0, "distinct": 0}


def test_a_cursor_holds_its_window(provider: Provider) -> None:
    first = provider.get("/v1/events", limit=10, **DAY).json()
    following = provider.get("/v1/events", limit=10, cursor=first["next_cursor"]).json()
    assert provider.get("/v1/events", limit=20, **DAY).json()["data"] == first["data"] + following["data"]
    repeated = provider.get("/v1/events", limit=10, cursor=first["next_cursor"], **DAY)
    assert repeated.json() == following
    other_spelling = {"from": DAY["from"].replace("Z", "+00:00"), "until": "2025-03-07T01:00:00+01:00"}
    assert provider.get("/v1/events", limit=10, cursor=first["next_cursor"], **other_spelling).json() == following
    for other in ({"from": moment(EPOCH_US)}, {"until": moment(NOW_US)}):
        response = provider.get("/v1/events", cursor=first["next_cursor"], **other)
        assert_problem(response, 400, type_="window-mismatch")
    open_ended = provider.get("/v1/events").json()["next_cursor"]
    assert_problem(provider.get("/v1/events", cursor=open_ended, **DAY), 400, type_="window-mismatch")


def test_forged_and_foreign_cursors_are_refused(provider: Provider) -> None:
    cursor = provider.get("/v1/events").json()["next_cursor"]
    for forged in ("", "x", cursor[:-1], cursor + "A", cursor[:20] + "AA" + cursor[22:]):
        assert_problem(provider.get("/v1/events", cursor=forged), 400, type_="invalid-cursor")
    assert_problem(provider.get("/v1/campaigns", cursor=cursor), 400, type_="invalid-cursor")


def test_cursors_survive_a_restart(make_provider: Callable[..., Provider]) -> None:
    before, after = make_provider(), make_provider(api_key="another-key")
    cursor = before.get("/v1/events").json()["next_cursor"]
    expected = before.get("/v1/events", cursor=cursor).json()
    assert after.get("/v1/events", key="another-key", cursor=cursor).json() == expected


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ({"limit": "0"}, "query.limit"),
        ({"limit": "1001"}, "query.limit"),
        ({"limit": "ten"}, "query.limit"),
        ({"from": "yesterday"}, "query.from"),
        ({"from": ""}, "query.from"),
        ({"until": "2025-01-01T00:00:00"}, "query.until"),
        ({"until": "2025-13-01T00:00:00Z"}, "query.until"),
    ],
)
def test_a_query_that_does_not_fit_is_422(provider: Provider, query: dict[str, str], location: str) -> None:
    problem = assert_problem(provider.get("/v1/events", **query), 422, type_="invalid-request")
    assert [error["location"] for error in problem["errors"]] == [location]
    assert location in problem["detail"]


def test_a_reversed_window_is_400(provider: Provider) -> None:
    reversed_window = {"from": DAY["until"], "until": DAY["from"]}
    assert_problem(provider.get("/v1/events", **reversed_window), 400, type_="reversed-window")
    assert_problem(provider.get("/v1/events/stats", **reversed_window), 400, type_="reversed-window")


@pytest.mark.parametrize("far", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_bounds_may_be_far_away(provider: Provider, far: str) -> None:
    for name in ("from", "until"):
        page = provider.get("/v1/events", **{name: far}).json()
        assert bool(page["data"]) == page["has_more"] == (("0001" in far) == (name == "from"))
        if page["has_more"]:
            mismatch = provider.get("/v1/events", cursor=page["next_cursor"], **{name: moment(EPOCH_US)})
            assert far[:19] in assert_problem(mismatch, 400, type_="window-mismatch")["detail"]


def test_unknown_paths_and_methods_are_problems(provider: Provider) -> None:
    assert_problem(provider.get("/v1/nothing"), 404)
    assert_problem(provider.get("/"), 404)
    assert_problem(provider.get("/v1/events/"), 404)
    response = provider.request("POST", "/v1/events")
    assert_problem(response, 405)
    assert response.headers["allow"] == "GET"
    faults = provider.request("OPTIONS", "/admin/faults")
    assert_problem(faults, 405)
    assert faults.headers["allow"] == "DELETE, GET, POST"


def test_a_moment_is_described_as_one(provider: Provider) -> None:
    document = provider.get("/openapi.json").json()
    parameters = document["paths"]["/v1/events"]["get"]["parameters"]
    described = {parameter["name"]: str(parameter["schema"]) for parameter in parameters}
    assert "'format': 'date-time'" in described["from"]
    assert "'format': 'date-time'" in described["until"]


def test_an_unhandled_error_is_a_problem_and_in_the_log(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError("details for us alone")

    provider.app.add_api_route("/fail", fail)
    with caplog.at_level(logging.ERROR):
        response = provider.request("GET", "/fail", headers={"X-Request-Id": "r-1"})
    assert_problem(response, 500)
    assert "details" not in response.text
    assert "r-1" in caplog.text
    assert "details for us alone" in caplog.text


def test_who_waits_when_the_server_stops_gets_a_problem() -> None:
    async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def stop_while_waiting() -> None:
        scope = {"type": "http", "method": "GET", "path": "/v1/events", "query_string": b"", "headers": []}
        request = asyncio.create_task(RequestContextMiddleware(never, StoppedClock())(scope, receive, send))
        await waiting.wait()
        request.cancel()
        await request

    waiting = asyncio.Event()
    sent: list[Message] = []
    asyncio.run(stop_while_waiting())
    start, body = sent
    assert start["status"] == 503
    assert (b"content-type", b"application/problem+json") in start["headers"]
    assert b"stopping" in body["body"]


def test_the_request_id_is_sent_back_or_made(provider: Provider) -> None:
    def answered(request_id: str) -> str:
        response = provider.request("GET", "/healthz", headers={"X-Request-Id": request_id})
        return str(response.headers["x-request-id"])

    assert answered("batch-7/page=3") == "batch-7/page=3"
    for insane in ("", "a b", "x" * 129, '"quoted"'):
        assert answered(insane) not in ("", insane)
    assert answered("") != answered("")


def test_the_date_is_the_providers(provider: Provider) -> None:
    def date(path: str) -> str:
        return str(provider.get(path).headers["date"])

    expected = format_datetime(EPOCH.replace(day=11, hour=12), usegmt=True)
    assert date("/v1/events") == date("/v1/nothing") == date("/healthz") == expected
    provider.admin("POST", "/clock", {"advance_seconds": 86_400})
    assert date("/v1/events") == expected.replace("Tue, 11", "Wed, 12")


def test_time_passes_and_the_future_stays_hidden(provider: Provider) -> None:
    query: dict[str, Any] = {"from": moment(NOW_US), "limit": 1000}
    assert provider.get("/v1/events", **query).json()["data"] == []
    before = provider.get("/v1/campaigns/stats").json()["records"]
    provider.admin("POST", "/clock", {"advance_seconds": 86_400})
    records = provider.walk("/v1/events", **query)
    received = [parse_rfc3339(record["received_at"]) for record in records if isinstance(record, dict)]
    assert 1000 < len(records) < 3000
    assert NOW_US <= min(received) <= max(received) < NOW_US + DAY_US
    assert provider.get("/v1/campaigns/stats").json()["records"] > before


def test_the_rate_limit_is_by_token_bucket(make_provider: Callable[..., Provider]) -> None:
    provider = make_provider(rate_limit_per_second=0.01, rate_limit_burst=3)
    assert_problem(provider.get("/v1/events", key="another-key"), 403, type_="unknown-key")
    assert [provider.get("/v1/events", limit=1).status_code for _ in range(3)] == [200] * 3
    response = provider.get("/v1/campaigns")
    assert_problem(response, 429, type_="rate-limit-exceeded")
    assert 90 <= int(response.headers["retry-after"]) <= 100
    assert provider.get("/healthz").status_code == 200


def test_the_document_says_it_all(provider: Provider) -> None:
    document = provider.get("/openapi.json", key=None).json()
    text = document["info"]["description"]
    for said in ("Settling time: 60 seconds", "RFC 9457", "half-open", "Retry-After", "X-Request-Id", "`Date`"):
        assert said in text
    for path in PATHS:
        operation = document["paths"][path]["get"]
        assert operation["security"] == [{"HTTPBearer": []}]
        for status in ("400", "401", "403", "422", "429", "500", "503"):
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"]
    parameters = {each["name"]: each for each in document["paths"]["/v1/events"]["get"]["parameters"]}
    assert list(parameters) == ["from", "until", "limit", "cursor"]
    assert parameters["limit"]["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "description": "records a page, at most",
        "default": 100,
        "title": "Limit",
    }
    schemas = document["components"]["schemas"]
    assert {"Event", "EventPage", "Campaign", "CampaignPage", "Stats", "Problem", "ParameterError"} <= set(schemas)
    assert "HTTPValidationError" not in schemas
    assert "no limit" in describe(provider_settings(rate_limit_per_second=0))
    assert "/docs" not in document["paths"]
    assert provider.get("/docs", key=None).status_code == 200


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=10), st.text(max_size=40))
def test_no_query_makes_it_fail(from_: str, until: str, limit: str, cursor: str) -> None:
    response = SHARED.get("/v1/events", **{"from": from_, "until": until, "limit": limit, "cursor": cursor})
    assert response.status_code in (400, 422)


SHARED = Provider.make()
