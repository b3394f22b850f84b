"""A login in front of Prefect's server, for API and UI: Prefect 2's open-source server has none.

A browser asks for user and password (Basic); programs send the same text as Prefect's own clients send an API key
(Bearer), so `PREFECT_API_KEY` is all that they need.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Iterable

from orchestration.prefect.operate.own_origin import Application, Receive, Scope, Send

_OPEN = frozenset({"/api/health", "/api/ready"})
"""What health checks ask; the answers say nothing else."""
_POLICY_VIOLATION = 1008


class Login:
    """An ASGI application that passes on only requests with `secret`, a text of the form `user:password`."""

    def __init__(self, application: Application, secret: str) -> None:
        self._application = application
        self._secret = secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or demand the login. Messages other than HTTP and web socket requests are passed on."""
        if scope["type"] not in ("http", "websocket") or self._may(scope):
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "login"})
        else:
            await _ask(send)

    def _may(self, scope: Scope) -> bool:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] in _OPEN:
            return True
        given = _credentials(scope["headers"])
        return given is not None and hmac.compare_digest(given, self._secret)


def _credentials(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    values = [value for name, value in headers if name.lower() == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, given = values[0].partition(b" ")
    if scheme.lower() == b"bearer":
        return given.strip()
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(given.strip(), validate=True)
    except binascii.Error:
        return None


async def _ask(send: Send) -> None:
    body = json.dumps({"detail": "This server asks for a login: SERVER_AUTH_STRING, user:password."}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b'Basic realm="Prefect", charset="UTF-8"'),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})
