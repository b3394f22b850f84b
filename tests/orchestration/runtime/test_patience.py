"""Prefect's clients wait for a server that restarts, and for no other fault."""

from __future__ import annotations

import asyncio
import inspect

import httpx
import pytest
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient

from orchestration.runtime import patience


class Server:
    """A server that refuses a number of connections first. `error` is the error of a refusal."""

    def __init__(self, refusals: int, error: type[httpx.TransportError] = httpx.ConnectError) -> None:
        self._left = refusals
        self._error = error
        self.asked = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self._left:
            self._left -= 1
            raise self._error("refused", request=request)
        return httpx.Response(200, json={"asked": self.asked})


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a patience of one second instead of the platform's own; undo it afterwards."""
    for client in (PrefectHttpxAsyncClient, PrefectHttpxSyncClient):
        monkeypatch.setattr(client, "send", inspect.unwrap(client.send))
    monkeypatch.setattr(PrefectHttpxAsyncClient, patience._MARK, False, raising=False)
    patience.wait_for_a_restarting_server(seconds=1, every=0.01)
    patience.wait_for_a_restarting_server(seconds=1, every=0.01)


def ask(server: Server) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.MockTransport(server.answer)
        async with PrefectHttpxAsyncClient(transport=transport, base_url="http://prefect") as client:
            return await client.post("/flow_runs/filter", json={})

    return asyncio.run(once())


def ask_at_once(server: Server) -> httpx.Response:
    transport = httpx.MockTransport(server.answer)
    with PrefectHttpxSyncClient(transport=transport, base_url="http://prefect") as client:
        return client.post("/flow_runs/filter", json={})


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("asking", [ask, ask_at_once])
def test_a_request_waits_for_a_server_that_is_not_there_yet(asking: object) -> None:
    server = Server(refusals=7)

    assert asking(server).json() == {"asked": 8}  # type: ignore[operator]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("asking", [ask, ask_at_once])
def test_a_server_that_stays_away_is_told_of(asking: object) -> None:
    with pytest.raises(httpx.ConnectError, match="refused"):
        asking(Server(refusals=10_000))  # type: ignore[operator]


def test_a_wait_of_the_platform_is_taken_back_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for client in (PrefectHttpxAsyncClient, PrefectHttpxSyncClient):
        monkeypatch.setattr(client, "send", client.send)
    monkeypatch.setattr(PrefectHttpxAsyncClient, patience._MARK, False, raising=False)
    plain = inspect.unwrap(PrefectHttpxAsyncClient.send)
    patience.wait_for_a_restarting_server()

    assert PrefectHttpxAsyncClient.send is not plain
    assert inspect.unwrap(PrefectHttpxAsyncClient.send) is plain


@pytest.mark.usefixtures("patient")
def test_a_request_that_may_have_arrived_is_left_to_prefect() -> None:
    server = Server(refusals=1, error=httpx.UnsupportedProtocol)

    with pytest.raises(httpx.UnsupportedProtocol):
        ask(server)
    assert server.asked == 1
