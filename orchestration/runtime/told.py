"""Cleans everything that this process sends to Prefect's server: states, log lines and artifacts, which all UI users
read.

Prefect itself puts an exception's text into the run's state, and its handlers send log lines by themselves. So texts
are cleaned at the last step: in the client's requests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import wraps
from typing import Any

import httpx
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient

from common.foreign_text import harmless

_MARK = "_tells_what_is_harmless"
_STATES = ("/set_state",)
_TEXTS = ("/logs/", "/artifacts/")


def tell_what_is_harmless() -> None:
    """Make every Prefect client of this process remove secrets and control sequences from texts.

    A second call changes nothing.
    """
    if getattr(PrefectHttpxAsyncClient, _MARK, False):
        return
    setattr(PrefectHttpxAsyncClient, _MARK, True)
    send, send_at_once = PrefectHttpxAsyncClient.send, PrefectHttpxSyncClient.send

    @wraps(send)
    async def careful(self: Any, request: httpx.Request, *args: Any, **kwargs: Any) -> Any:
        return await send(self, harmless_request(request), *args, **kwargs)

    @wraps(send_at_once)
    def careful_at_once(self: Any, request: httpx.Request, *args: Any, **kwargs: Any) -> Any:
        return send_at_once(self, harmless_request(request), *args, **kwargs)

    for client, sender in ((PrefectHttpxAsyncClient, careful), (PrefectHttpxSyncClient, careful_at_once)):
        setattr(client, "send", sender)  # noqa: B010 - mypy forbids to assign to a method


def harmless_request(request: httpx.Request) -> httpx.Request:
    """Return the request with its texts cleaned. A state's data, which is a result and no text, stays unchanged."""
    path = request.url.path
    if request.method != "POST" or not path.endswith((*_STATES, *_TEXTS)):
        return request
    content = json.loads(request.content)
    told = _state(content) if path.endswith(_STATES) else _text(content)
    if told == content:
        return request
    headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"content-length"]
    return httpx.Request(request.method, request.url, headers=headers, json=told, extensions=request.extensions)


def _state(content: Any) -> Any:
    state = content.get("state") if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not isinstance(state.get("message"), str):
        return content
    return {**content, "state": {**state, "message": harmless(state["message"])}}


def _text(content: Any) -> Any:
    if isinstance(content, str):
        return harmless(content)
    if isinstance(content, Mapping):
        return {name: _text(value) for name, value in content.items()}
    return [_text(value) for value in content] if isinstance(content, list) else content
