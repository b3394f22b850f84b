"""Refuses a write to a full disk before it begins, with S3's own error."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]

_WRITES = ("PUT", "POST")
_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>InsufficientStorage</Code><Message>The volume of the lake is full.</Message></Error>"
)


class SpaceGuard:
    """ASGI middleware that answers 507 to a write that would leave less than `reserve` bytes free below `folder`.

    The reserve is for the metadata beside each object, and for concurrent writes of other requests.
    """

    def __init__(self, application: AsgiApplication, folder: Path, reserve: int) -> None:
        self._application = application
        self._folder = folder
        self._reserve = reserve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] in _WRITES and not self._fits(scope):
            await _refuse(scope, receive, send)
            return
        await self._application(scope, receive, send)

    def _fits(self, scope: Scope) -> bool:
        length = int(dict(scope["headers"]).get(b"content-length", b"0"))
        # A request that only deletes or reads must pass, and is small.
        if length == 0 or _is_deletion(scope):
            return True
        return shutil.disk_usage(self._folder).free >= length + self._reserve


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    # A client that waits for `100 Continue` gets the refusal; without its body the connection cannot be used any more.
    # A client that sends its body at once reads no response before the body's end.
    if b"expect" not in dict(scope["headers"]):
        while (await receive()).get("more_body"):
            pass
    headers = [
        (b"content-type", b"application/xml"),
        (b"content-length", str(len(_BODY)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 507, "headers": headers})
    await send({"type": "http.response.body", "body": _BODY})


def _is_deletion(scope: Scope) -> bool:
    query: bytes = scope["query_string"]
    return scope["method"] == "POST" and query.split(b"=")[0] == b"delete"
