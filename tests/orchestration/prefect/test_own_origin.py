"""Which pages can use Prefect's server, and by which host names."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
import pytest

from orchestration.prefect.operate.own_origin import Message, OwnOrigin, Receive, Scope, Send, ServerSettings
from tests.orchestration.prefect.conftest import QUIET, Server

pytestmark = QUIET
Headers = Sequence[tuple[str, str]]


async def open_to_all(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that shares its answers with everybody, as Prefect's does."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    shared = [(b"access-control-allow-origin", b"*"), (b"x-own", b"kept")]
    await send({"type": "http.response.start", "status": 200, "headers": shared})
    await send({"type": "http.response.body", "body": b"secret"})


def answer(headers: Headers, kind: str = "http") -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing is read of a request that is refused")

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers]
    application = OwnOrigin(open_to_all, {"localhost", "127.0.0.1", "::1", "prefect_server"})
    asyncio.run(application({"type": kind, "headers": raw}, receive, send))
    return sent


OWN: list[Headers] = [
    [("host", "localhost:4200"), ("origin", "http://localhost:4200")],
    [("host", "127.0.0.1:4200")],
    [("host", "[::1]:4200"), ("origin", "http://[::1]:4200")],
    [("host", "prefect_server:4200")],
    [("Host", "LOCALHOST:4200"), ("Origin", "http://localhost:4200")],
    [],
]
FOREIGN: list[Headers] = [
    [("host", "localhost:4200"), ("origin", "http://evil.example")],
    [("host", "localhost:4200"), ("origin", "http://localhost:3000")],
    [("host", "localhost:4200"), ("origin", "null")],
    [("host", "localhost:4200"), ("origin", "")],
    [("host", "localhost:4200"), ("origin", "http://localhost:4200.evil.example")],
    [("host", "localhost:4200"), ("origin", "http://127.0.0.1:4200")],
    [("host", "evil.example:4200"), ("origin", "http://evil.example:4200")],
    [("host", "evil.example:4200")],
    [("host", "localhost.evil.example")],
    [("host", "localhost@evil.example")],
    [("host", "localhost:4200"), ("host", "evil.example")],
    [("host", "[")],
    [("origin", "http://localhost:4200")],
    [("host", "localhost:4200"), ("origin", "http://localhost:4200"), ("origin", "http://evil.example")],
]


@pytest.mark.parametrize("headers", OWN)
def test_own_pages_and_programs_are_answered_and_nothing_is_shared(headers: Headers) -> None:
    start, body = answer(headers)
    assert start["status"] == 200
    assert start["headers"] == [(b"x-own", b"kept")]
    assert body["body"] == b"secret"
    assert answer(headers, "websocket") == [{"type": "websocket.accept"}]


@pytest.mark.parametrize("headers", FOREIGN)
def test_pages_of_other_origins_and_other_names_of_the_server_are_refused(headers: Headers) -> None:
    start, body = answer(headers)
    assert start["status"] == 403
    assert not [name for name, _ in start["headers"] if name.startswith(b"access-control")]
    assert b"secret" not in body["body"]
    [closed] = answer(headers, "websocket")
    assert closed["type"] == "websocket.close"


def test_what_has_no_headers_is_passed_on() -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(OwnOrigin(lifespan, ())({"type": "lifespan"}, receive, send))
    assert sent == [{"type": "lifespan.startup.complete"}]


def test_hosts_are_those_of_loopback_of_the_ui_and_those_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_ALLOWED_HOSTS", "prefect_server, Prefect.Example,")
    assert ServerSettings.load().hosts >= {"localhost", "127.0.0.1", "::1", "prefect_server", "prefect.example"}
    assert "" not in ServerSettings.load().hosts


def test_prefects_server_refuses_a_foreign_page_and_answers_its_own(server: Server) -> None:
    filter_blocks = f"{server.api_url}/block_documents/filter"

    def ask(**headers: str) -> httpx.Response:
        return httpx.post(filter_blocks, json={"include_secrets": True}, headers=headers, trust_env=False)

    preflight = httpx.options(
        filter_blocks,
        headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
        trust_env=False,
    )
    assert ask(Origin="http://evil.example").status_code == 403
    assert ask(Host="evil.example:4200").status_code == 403
    assert preflight.status_code == 403
    own = ask(Origin=f"http://{urlsplit(server.url).netloc}")
    assert own.status_code == 200
    for response in (own, preflight, ask(Origin="null")):
        assert not [name for name in response.headers if name.startswith("access-control")]
