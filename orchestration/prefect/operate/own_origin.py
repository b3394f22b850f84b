"""Refuses requests of foreign web pages to Prefect's server.

Prefect 2.20.4 answers every Origin and every Host (CVE-2024-8183): any page that a user has open could read blocks and
start runs. Here a request must name one of our hosts, which prevents DNS rebinding. A browser's request must come from
a page of this server. No response carries a header that shares it with other origins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Self
from urllib.parse import urlsplit

from prefect.settings import PREFECT_UI_API_URL, PREFECT_UI_URL
from pydantic import Field, SecretStr, model_validator

from common.environment import is_dev
from ingest.settings import GuardedSettings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SHARES = b"access-control-"
_POLICY_VIOLATION = 1008
_AUTH_STRING = re.compile(r"[!-9;-~]+:[!-~]+")
"""What a header can carry as it is."""


class ServerSettings(GuardedSettings):
    """The platform's settings of Prefect's server."""

    database: SecretStr | None = Field(default=None, validation_alias="PREFECT_API_DATABASE_CONNECTION_URL")
    """Prefect's own setting, read here for its password."""
    auth_string: SecretStr = Field(default=SecretStr(""), validation_alias="SERVER_AUTH_STRING")
    """`user:password` of the login for API and UI; needed where ENVIRONMENT is not dev, and in dev none by default."""
    allowed_hosts: str = Field(default="", validation_alias="SERVER_ALLOWED_HOSTS")
    """Further names by which browsers and agents may reach the server, with commas between them."""

    @model_validator(mode="after")
    def _has_a_login(self) -> Self:
        secret = self.auth_string.get_secret_value()
        if not is_dev(self.environment) and not secret:
            raise ValueError(f"SERVER_AUTH_STRING is empty; ENVIRONMENT={self.environment} needs one, user:password")
        if secret and not _AUTH_STRING.fullmatch(secret):
            raise ValueError(
                "SERVER_AUTH_STRING is not of the form user:password, or has a blank or a letter not of ASCII"
            )
        return self

    @property
    def hosts(self) -> frozenset[str]:
        """All names by which the server may be reached: loopback, the hosts of the UI's addresses, and
        SERVER_ALLOWED_HOSTS.
        """
        addresses = (PREFECT_UI_URL.value(), PREFECT_UI_API_URL.value())
        named = (name.strip().lower() for name in self.allowed_hosts.split(","))
        return _LOOPBACK | {host for host in named if host} | set(filter(None, map(_host_of_url, addresses)))


class OwnOrigin:
    """An ASGI application that accepts only requests from pages of its own origin."""

    def __init__(self, application: Application, hosts: Iterable[str]) -> None:
        self._application = application
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on. Messages other than HTTP and web socket requests are passed on."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
        elif refusal := self._refusal(scope["headers"]):
            await _refuse(scope["type"], refusal, send)
        else:
            await self._application(scope, receive, _unshared(send))

    def _refusal(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        hosts = _values(headers, b"host")
        origins = _values(headers, b"origin")
        # A simple health check may name no host, but a browser always does.
        if len(hosts) > 1 or (hosts and _host_of_url(f"//{hosts[0]}") not in self._hosts):
            return "This server is not known by that host. SERVER_ALLOWED_HOSTS names further ones."
        if origins and (len(origins) > 1 or not hosts or urlsplit(origins[0]).netloc.lower() != hosts[0].lower()):
            return "Pages of other origins may not use this server."
        return None


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def _host_of_url(url: str | None) -> str | None:
    try:
        return urlsplit(url or "").hostname
    except ValueError:
        return None


async def _refuse(kind: str, reason: str, send: Send) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": reason})
        return
    body = json.dumps({"detail": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _unshared(send: Send) -> Send:
    async def without_shares(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if not pair[0].lower().startswith(_SHARES)]
            message = {**message, "headers": kept}
        await send(message)

    return without_shares
