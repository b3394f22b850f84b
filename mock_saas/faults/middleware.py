"""Injects faults between the client and the API."""

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import formatdate

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_saas.api.access import REALM
from mock_saas.api.context import ConnectionDroppedError
from mock_saas.api.problems import problem_response
from mock_saas.clock import ProviderClock
from mock_saas.faults.injection import (
    DropFault,
    ErrorFault,
    FaultRegistry,
    InvalidJsonFault,
    PageFault,
    RetryAfter,
    TruncateFault,
)
from mock_saas.timestamps import MICROSECONDS

API_PREFIX = "/v1/"


class FaultMiddleware:
    """Applies the registry's verdict to each request to the API.

    Faults in a page's content are left to the routes, in ``request.state.page_fault``.
    """

    def __init__(
        self,
        app: ASGIApp,
        registry: FaultRegistry,
        clock: ProviderClock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._app = app
        self._registry = registry
        self._clock = clock
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or not scope["path"].startswith(API_PREFIX):
            await self._app(scope, receive, send)
            return
        verdict = self._registry.judge(scope["path"])
        if verdict.latency_seconds:
            await self._sleep(verdict.latency_seconds)
        match verdict.fault:
            case None:
                await self._app(scope, receive, send)
            case ErrorFault() as fault:
                await self._fail(fault, scope, receive, send)
            case DropFault():
                await _cut(scope, receive, flush=False)
            case TruncateFault():
                start, body = await self._answer(scope, receive)
                await send(start)
                await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                await _cut(scope, receive, flush=True)
            case InvalidJsonFault():
                start, body = await self._answer(scope, receive)
                half = body[: len(body) // 2]
                MutableHeaders(scope=start)["content-length"] = str(len(half))
                await send(start)
                await send({"type": "http.response.body", "body": half})
            case page_fault:
                scope["state"]["page_fault"] = page_fault
                await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        """Return the application's response: its start message and its whole body."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        return messages[0], b"".join(message.get("body", b"") for message in messages[1:])

    async def _fail(self, fault: ErrorFault, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {}
        if fault.retry_after is not None:
            headers["Retry-After"] = self._retry_after(fault.retry_after)
        if fault.status == 401:
            headers["WWW-Authenticate"] = f'Bearer realm="{REALM}", error="invalid_token"'
        response = problem_response(scope, fault.status, "An injected fault.", slug="injected-fault", headers=headers)
        await response(scope, receive, send)

    def _retry_after(self, retry_after: RetryAfter) -> str:
        if retry_after.form == "seconds":
            return str(retry_after.seconds)
        return formatdate(self._clock.now_us() // MICROSECONDS + retry_after.seconds, usegmt=True)


def page_fault_of(scope: Scope) -> PageFault | None:
    """Return the fault that the page of this request must have."""
    fault: PageFault | None = scope["state"].get("page_fault")
    return fault


async def _cut(scope: Scope, receive: Receive, *, flush: bool) -> None:
    """Close the connection. With ``flush``, wait until the sent bytes have left."""
    connection: asyncio.Transport | None = scope["state"].get("connection")
    if connection is None:
        raise ConnectionDroppedError("an injected fault cut the connection")
    if flush:
        connection.close()
    else:
        connection.abort()
    # If an application returns before the client is gone, the server takes it for a broken one.
    while (await receive())["type"] != "http.disconnect":
        pass
