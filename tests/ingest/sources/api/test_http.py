"""One call of the provider's API: the error for each response and fault, and the wait that it asks for."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from ingest.errors import (
    AccessError,
    ConfigurationError,
    DataError,
    PlatformError,
    RateLimitedError,
    TransientError,
    UnreachableError,
)
from ingest.sources.api.http import Answer, ApiClient, parse_retry_after, server_time
from tests.ingest.sources.api.answers import Answers

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEY = "the-key-that-nobody-may-see"

POOL: Any = urllib3.HTTPConnectionPool("provider.test")
latin = st.text(st.characters(max_codepoint=255), max_size=40)
"""What a header can hold when it is read."""


def client(answer: Callable[[httpx.Request], httpx.Response], url: str = "http://provider.test") -> ApiClient:
    return ApiClient(url, SecretStr(KEY), Answers(answer))


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
    moment = server_time(Answer(200, "OK", HTTPHeaderDict([("Date", value)]), b""))
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
    assert server_time(Answer(200, "OK", HTTPHeaderDict({"Date": "Sat Jan 31 12:00:00 2026"}), b"")) == NOW


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
    ],
)
def test_each_status_has_its_place_in_the_taxonomy(status: int, error: type[PlatformError], said: str) -> None:
    problem = {"title": "Bad day", "detail": "in detail", "status": status}
    headers = {"Retry-After": "7"} if error is RateLimitedError else {}
    with (
        client(lambda _: httpx.Response(status, json=problem, headers=headers)) as api,
        pytest.raises(PlatformError, match=f"{said}") as caught,
    ):
        api.get("/v1/events", {"limit": 1})
    assert type(caught.value) is error
    assert "http://provider.test/v1/events" in str(caught.value)
    assert f"{status} in detail" in str(caught.value)
    assert KEY not in str(caught.value)
    if isinstance(caught.value, RateLimitedError):
        assert caught.value.retry_after == timedelta(seconds=7)


def test_an_answer_that_can_have_no_body_is_refused() -> None:
    with (
        client(lambda _: httpx.Response(204)) as api,
        pytest.raises(ConfigurationError, match=r"does not accept .*v1/events: 204 No Content"),
    ):
        api.get("/v1/events", {})


@pytest.mark.parametrize("status", [403, 408, 429, 500, 502, 503, 504])
def test_whatever_the_status_what_it_asks_for_is_kept(status: int) -> None:
    """Of two headers, as proxies add them, the longer wait counts."""
    headers = [("Retry-After", "2"), ("Retry-After", "7"), ("Retry-After", "soon")]
    with client(lambda _: httpx.Response(status, headers=headers)) as api, pytest.raises(RateLimitedError) as caught:
        api.get("/v1/events", {})
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
        (NewConnectionError(POOL, "refused"), UnreachableError),
        (NameResolutionError("provider.test", POOL, socket.gaierror("no such host")), UnreachableError),
        (ConnectTimeoutError(POOL, "slow"), UnreachableError),
        (ProxyError("the proxy is down", OSError("refused")), UnreachableError),
        (SSLError("no such authority"), UnreachableError),
        (ReadTimeoutError(POOL, "/v1/events", "slow"), TransientError),
        (ProtocolError("Connection aborted.", ConnectionResetError()), TransientError),
        (IncompleteRead(5, 10), TransientError),
        (LocationParseError("provider..test"), ConfigurationError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_broken_connection_is_a_fault_of_the_moment(fault: HTTPError, error: type[PlatformError]) -> None:
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


# Bodies


class Chunks(httpx.SyncByteStream):
    """A body as it arrives."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


def client_of(chunks: list[bytes], encoding: str, *, status: int = 200, answer_bytes: int = 2**20) -> ApiClient:
    transport = Answers(lambda _: httpx.Response(status, headers={"Content-Encoding": encoding}, stream=Chunks(chunks)))
    return ApiClient("http://provider.test", SecretStr(KEY), transport, answer_bytes=answer_bytes)


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


@given(
    st.lists(st.binary(max_size=50), min_size=1, max_size=3),
    st.sampled_from([b"", b"\0" * 9]),
    st.lists(st.integers(0, 300), max_size=5),
)
def test_an_encoded_body_is_decoded_however_it_arrives(parts: list[bytes], padding: bytes, places: list[int]) -> None:
    body = b"".join(gzip.compress(part) + padding for part in parts)
    with client_of(cut(body, places), "gzip") as api:
        assert api.get("/v1/events", {}).content == b"".join(parts)
    with client_of(cut(body, places), "") as api:
        assert api.get("/v1/events", {}).content == body


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """Return 200 MB of a page, in one piece of some 200 kB."""
    return gzip.compress(b'{"data":[' + b" " * 200_000_000)


@pytest.mark.parametrize(("status", "error"), [(200, DataError), (500, TransientError), (403, AccessError)])
def test_an_answer_without_end_costs_no_memory(bomb: bytes, status: int, error: type[PlatformError]) -> None:
    with client_of([bomb], "gzip", status=status) as api:
        tracemalloc.start()
        try:
            with pytest.raises(error) as caught:
                api.get("/v1/events", {})
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 8 * 2**20
    assert ("SAAS_ANSWER_BYTES" in str(caught.value)) is (status == 200)


def test_an_answer_of_the_longest_length_is_taken() -> None:
    for body, too_long in ((b"x" * 2**20, False), (b"x" * (2**20 + 1), True)):
        for encoding, sent in (("", body), ("gzip", gzip.compress(body))):
            with client_of([sent], encoding) as api:
                if too_long:
                    with pytest.raises(DataError, match=r"more than 1,048,576 bytes.*Raise SAAS_ANSWER_BYTES"):
                        api.get("/v1/events", {})
                else:
                    assert api.get("/v1/events", {}).content == body


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (gzip.compress(b"x" * 1000, mtime=0)[:-5], "gzip", "breaks off"),
        (b'{"data": []}', "gzip", "no gzip"),
        (gzip.compress(b"x", mtime=0) + b"more", "gzip", "no gzip"),
        (b"x", "br", "encoded as 'br'"),
        (gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), "gzip, gzip", "encoded as 'gzip, gzip'"),
    ],
)
def test_a_body_that_is_not_as_its_header_says_is_a_fault_of_the_moment(body: bytes, encoding: str, said: str) -> None:
    with client_of([body], encoding) as api, pytest.raises(TransientError, match=said):
        api.get("/v1/events", {})


def test_what_the_provider_says_reaches_no_terminal_as_control_characters() -> None:
    said = {"detail": "out\x1b]0;title\x07 of\x9b2J\u202e order"}
    with client(lambda _: httpx.Response(500, json=said)) as api, pytest.raises(TransientError, match="out") as caught:
        api.get("/v1/events", {})
    assert str(caught.value).isprintable()
