"""One call of the provider's API: what each answer and each fault is called, and how long it asks to wait."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest.errors import (
    AccessError,
    ConfigurationError,
    PlatformError,
    RateLimitedError,
    TransientError,
    UnreachableError,
)
from ingest.sources.http import ApiClient, parse_retry_after, server_time

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEY = "the-key-that-nobody-may-see"

latin = st.text(st.characters(max_codepoint=255), max_size=40)
"""What a header can hold when it is read."""


def client(answer: Callable[[httpx.Request], httpx.Response], url: str = "http://provider.test") -> ApiClient:
    return ApiClient(url, SecretStr(KEY), httpx.MockTransport(answer))


@given(st.integers(0, 10**8), st.sampled_from(["", " ", "\t"]))
def test_retry_after_in_seconds(seconds: int, space: str) -> None:
    assert parse_retry_after(f"{space}{seconds}{space}", now=NOW) == timedelta(seconds=seconds)


@given(st.integers(-(10**6), 10**6))
def test_retry_after_as_a_date_is_the_time_until_then_by_the_servers_clock(seconds: int) -> None:
    value = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(value, now=NOW) == timedelta(seconds=max(seconds, 0))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sat, 31 Jan 2026 12:00:30 GMT", 30),
        ("Saturday, 31-Jan-26 12:00:30 GMT", 30),  # RFC 850
        ("Sat Jan 31 12:00:30 2026", 30),  # asctime
        ("Sat, 31 Jan 2026 13:00:30 +0100", 30),
        ("Sat, 31 Jan 2026 12:00:30 -0000", 30),
    ],
)
def test_every_form_of_an_http_date_is_read(value: str, seconds: int) -> None:
    assert parse_retry_after(value, now=NOW) == timedelta(seconds=seconds)


@given(latin)
@example("\xb2")
@example("1.5")
@example("-5")
@example("9" * 30)
@example("9" * 5000)
@example("Mon, 01 Jan 0000 00:00:00 GMT")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("1 Jan 2026 00:00:00 +99999999999")
def test_junk_is_no_wait_and_no_crash(value: str) -> None:
    wait = parse_retry_after(value, now=NOW)
    assert wait is None or wait >= timedelta(0)


def test_an_absurd_wait_is_not_taken_for_no_wait() -> None:
    wait = parse_retry_after("9" * 30, now=NOW)
    assert wait is not None
    assert wait > timedelta(days=365)


@given(latin)
@example("Fri, 31 Dec 9999 23:59:59 -2359")
def test_the_servers_clock_is_its_date_header_or_else_ours(value: str) -> None:
    moment = server_time(httpx.Response(200, headers=[(b"Date", value.encode("latin-1"))]))
    assert moment.tzinfo is UTC


@pytest.fixture
def machine_in_kolkata() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("machine_in_kolkata")
def test_a_date_without_zone_is_utc_wherever_we_are() -> None:
    response = httpx.Response(200, headers={"Date": "Sat Jan 31 12:00:00 2026"})
    assert server_time(response) == NOW


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, AccessError, "refuses the key.*SAAS_API_KEY"),
        (403, AccessError, "refuses the key.*SAAS_API_KEY"),
        (429, RateLimitedError, "asks to wait"),
        (503, RateLimitedError, "asks to wait"),
        (500, TransientError, "failed"),
        (502, TransientError, "failed"),
        (504, TransientError, "failed"),
        (408, TransientError, "failed"),
        (400, ConfigurationError, "does not accept"),
        (404, ConfigurationError, "does not accept.*SAAS_BASE_URL"),
        (301, ConfigurationError, "does not accept.*SAAS_BASE_URL"),
        (204, ConfigurationError, "does not accept"),
    ],
)
def test_each_status_has_its_place_in_the_taxonomy(status: int, error: type[PlatformError], said: str) -> None:
    problem = {"title": "Bad day", "detail": "in detail", "status": status}
    with (
        client(lambda _: httpx.Response(status, json=problem, headers={"Retry-After": "7"})) as api,
        pytest.raises(PlatformError, match=f"{said}") as caught,
    ):
        api.get("/v1/events", {"limit": 1})
    assert type(caught.value) is error
    assert "http://provider.test/v1/events" in str(caught.value)
    assert f"{status} in detail" in str(caught.value)
    assert KEY not in str(caught.value)
    if isinstance(caught.value, RateLimitedError):
        assert caught.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b'{"detail": null}', b'{"detail": {"a": [1]}}'])
def test_a_refusal_without_a_problem_body_is_told_all_the_same(body: bytes) -> None:
    with client(lambda _: httpx.Response(500, content=body)) as api, pytest.raises(TransientError, match="500"):
        api.get("/v1/events", {})


def test_a_long_problem_is_told_in_one_short_line() -> None:
    long = {"detail": "line\n" * 10_000}
    with client(lambda _: httpx.Response(500, json=long)) as api, pytest.raises(TransientError) as caught:
        api.get("/v1/events", {})
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (httpx.ConnectError("refused"), UnreachableError),
        (httpx.ConnectTimeout("slow"), UnreachableError),
        (httpx.ReadTimeout("slow"), TransientError),
        (httpx.RemoteProtocolError("cut off"), TransientError),
        (httpx.ReadError("reset"), TransientError),
        (httpx.DecodingError("bad gzip"), TransientError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_broken_connection_is_a_fault_of_the_moment(fault: httpx.HTTPError, error: type[PlatformError]) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise fault

    with client(fail) as api, pytest.raises(PlatformError) as caught:
        api.get("/v1/events", {})
    assert type(caught.value) is error


def test_where_nothing_listens_the_address_is_named() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with ApiClient(url, SecretStr(KEY)) as api, pytest.raises(UnreachableError, match=f"{url}.*SAAS_BASE_URL"):
            api.get("/v1/events", {})


@pytest.mark.parametrize("url", ["localhost:8090", "ftp://provider.test", "provider", "http://x:port", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SAAS_BASE_URL"), ApiClient(url, SecretStr(KEY)) as api:
        api.get("/v1/events", {})


def test_an_address_with_a_password_in_it_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="SAAS_BASE_URL") as caught:
        ApiClient("http://user:s3cret-of-url@provider.test", SecretStr(KEY))
    assert "s3cret-of-url" not in str(caught.value)


@pytest.mark.parametrize("key", ["", f"{KEY}\n", f"{KEY}\r\nX-Evil: 1", f"{KEY}\x00", f"{KEY}ü", f" {KEY}"])
def test_a_key_that_no_header_holds_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(AccessError, match="SAAS_API_KEY") as caught, ApiClient("http://x", SecretStr(key)) as api:
        api.get("/v1/events", {})
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_key_travels_as_a_bearer_token() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    with client(answer) as api:
        api.get("/v1/events", {"from": "2026-01-01T00:00:00Z", "limit": 5})
    assert seen[0].headers["Authorization"] == f"Bearer {KEY}"
    assert dict(seen[0].url.params) == {"from": "2026-01-01T00:00:00Z", "limit": "5"}
