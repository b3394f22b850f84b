"""Requests that do not arrive, or that say their length twice: given up, refused, and nobody else is held up."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import httpx
import pytest

from mock_saas.api.app import create_app
from mock_saas.api.protocol import Limits
from mock_saas.api.server import listen, make_server
from mock_saas.settings import Settings
from tests.mock_saas.provider import ADMIN_KEY, API_KEY, EPOCH

LIMITS = Limits(head_seconds=0.5, body_seconds=0.5)
LINE = b"GET /healthz HTTP/1.1\r\n"
ADMIN = b"POST /admin/clock HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + ADMIN_KEY.encode() + b"\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """A server that waits half a second for a request's parts."""
    listener = listen("127.0.0.1", 0)
    server = make_server(create_app(Settings(api_key=API_KEY, admin_key=ADMIN_KEY, epoch=EPOCH)), LIMITS)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()
    server.should_exit = True
    thread.join(30)


def connect(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=10)


def rest(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection; it must do so within ten seconds."""
    received = b""
    while block := connection.recv(65536):
        received += block
    return received


@pytest.mark.parametrize(
    "sent",
    [
        b"GET",
        LINE,
        LINE + b"Host: x\r\nX-Slow: ",
        ADMIN + b"Content-Length: 100\r\n\r\n",
        ADMIN + b'Content-Length: 100\r\n\r\n{"advance',
        ADMIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
def test_a_request_that_does_not_arrive_is_given_up(address: tuple[str, int], sent: bytes) -> None:
    with closing(connect(address)) as connection:
        connection.sendall(sent)
        assert rest(connection).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_a_connection_on_which_nothing_comes_is_closed(address: tuple[str, int]) -> None:
    with closing(connect(address)) as connection:
        assert rest(connection) == b""


@pytest.mark.parametrize("begin", [b"", LINE + b"Host: x\r\n\r\n"], ids=["first request", "second request"])
def test_a_drop_now_and_then_does_not_prolong_it(address: tuple[str, int], begin: bytes) -> None:
    with closing(connect(address)) as connection:
        if begin:
            connection.sendall(begin)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        connection.settimeout(0.1)
        received = b""
        while b" 408 " not in received:
            connection.sendall(b"G")
            with suppress(TimeoutError):
                received += connection.recv(65536)
            assert time.monotonic() - began < 5


def test_many_half_sent_requests_hold_nobody_up_and_are_all_gone_soon(address: tuple[str, int]) -> None:
    with ExitStack() as opened:
        half_sent = [opened.enter_context(closing(connect(address))) for _ in range(300)]
        for connection in half_sent:
            connection.sendall(LINE)
        assert httpx.get(f"http://127.0.0.1:{address[1]}/healthz", trust_env=False).status_code == 200
        assert all(b" 408 " in rest(connection) for connection in half_sent)


def test_what_arrives_in_time_in_pieces_is_answered(address: tuple[str, int]) -> None:
    with closing(connect(address)) as connection:
        for piece in (LINE, b"Host: x\r\n", b"\r\n"):
            connection.sendall(piece)
            time.sleep(0.05)  # each arrives by itself
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        closed_or_answered, _, _ = select.select([connection], [], [], 2 * LIMITS.head_seconds)
        assert not closed_or_answered, "it is kept alive, beyond the time of a head"
        connection.sendall(LINE + b"Host: x\r\nConnection: close\r\n\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 200")


def both(one: bytes, other: bytes) -> bytes:
    return ADMIN + one + other + b"\r\n0\r\n\r\n" + LINE + b"Host: x\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        both(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
        both(b"transfer-encoding: chunked\r\n", b"CONTENT-LENGTH: 5\r\n"),
        both(b"Content-Length: 5\r\n", b"Content-Length: 6\r\n"),
        both(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n"),
    ],
)
def test_a_request_of_two_lengths_is_refused_and_what_follows_it_is_not_read(
    address: tuple[str, int], sent: bytes
) -> None:
    with closing(connect(address)) as connection:
        connection.sendall(sent)
        answer = rest(connection)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert answer.count(b"HTTP/1.1 ") == 1
