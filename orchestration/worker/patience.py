"""A Prefect server that is started again fails no run.

Prefect 2.20.4 repeats a request whose connection broke, but one that was refused only within two seconds, and a server
needs ten to start. The run would crash, though all it had to say is that a task has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import httpx
from prefect.client.base import PrefectHttpxAsyncClient
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

_PATIENCE_SECONDS = 120.0
_MARK = "_waits_for_the_server"

Send = Callable[..., Coroutine[Any, Any, Any]]


def wait_for_a_restarting_server(
    client: type[Any] = PrefectHttpxAsyncClient, *, seconds: float = _PATIENCE_SECONDS
) -> None:
    """Let every Prefect client of this process try for so long to connect. A second call changes nothing.

    Only requests that never reached a server are sent again, so none can count twice.
    """
    if getattr(client.send, _MARK, False):
        return
    client.send = _patient(client.send, seconds)


def _patient(send: Send, seconds: float) -> Send:
    @wraps(send)
    async def patient(self: Any, *args: Any, **kwargs: Any) -> Any:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(httpx.ConnectError),
            wait=wait_fixed(1),
            stop=stop_after_delay(seconds),
            reraise=True,
        ):
            with attempt:
                return await send(self, *args, **kwargs)
        raise AssertionError("a retried block returns or raises")

    setattr(patient, _MARK, True)
    return patient
