"""The middleware of every request: its identifier, the provider's Date, unhandled errors, the access log."""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_saas.api.problems import problem_response, request_id_of
from mock_saas.clock import ProviderClock
from mock_saas.timestamps import MICROSECONDS

logger = logging.getLogger("mock_saas")
access_logger = logging.getLogger("mock_saas.api.access")

# The characters that a client may use. Others could break a log line, perhaps on purpose.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@\-]{1,128}", re.ASCII)


class ConnectionDroppedError(Exception):
    """Ends a connection in the middle of a response, if the server offers no way to cut it."""


class RequestContextMiddleware:
    """The outermost layer of the application.

    It gives each request an identifier (the client's X-Request-Id if it is well-formed), sends it back together with
    the provider's Date, turns an unhandled error into a problem with status 500, and writes the access log.
    """

    def __init__(self, app: ASGIApp, clock: ProviderClock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._monotonic()
        status: int | None = None
        scope.setdefault("state", {})["request_id"] = _request_id(scope)

        async def send_with_context(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["date"] = formatdate(self._clock.now_us() // MICROSECONDS, usegmt=True)
                headers["x-request-id"] = request_id_of(scope)
            await send(message)

        try:
            await self._app(scope, receive, send_with_context)
        except ConnectionDroppedError:
            raise
        except asyncio.CancelledError:
            if status is not None:
                raise
            # The server is stopping and waits no longer. The request's task ends here: no caller needs the cancellation
            # any more, but the client needs a response.
            response = problem_response(
                scope, HTTPStatus.SERVICE_UNAVAILABLE, "The service is stopping; try again.", slug="stopping"
            )
            await response(scope, receive, send_with_context)
        except Exception:
            logger.exception("unhandled error, request %s", request_id_of(scope))
            if status is not None:
                raise
            response = problem_response(
                scope,
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "Something went wrong here; tell us the request_id if it goes on.",
            )
            await response(scope, receive, send_with_context)
        finally:
            self._log(scope, status, self._monotonic() - began)

    def _log(self, scope: Scope, status: int | None, seconds: float) -> None:
        if access_logger.isEnabledFor(logging.INFO):
            fields = {
                "method": scope["method"],
                # Percent-encoded, because a decoded path could hold a line break.
                "path": quote(scope["path"]),
                "query": scope["query_string"].decode("latin-1"),
                "status": status,
                "seconds": round(seconds, 6),
                "request_id": request_id_of(scope),
            }
            access_logger.info("%(method)s %(path)s %(status)s", fields, extra={"request": fields})


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
