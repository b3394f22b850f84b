"""Makes runs survive a restart of the Prefect server.

Prefect 2.20.4 repeats a request whose connection broke, but repeats a refused connection only for two seconds, and a
server needs ten to start. The run would crash, although it only had to report the end of a task.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

import httpx
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from tenacity import AsyncRetrying, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from ingest.retry_policies import SERVER_CONNECTION

_MARK = "_waits_for_the_server"


def wait_for_a_restarting_server(
    *, seconds: float = SERVER_CONNECTION.longest_budget, every: float = SERVER_CONNECTION.first_wait
) -> None:
    """Make every Prefect client of this process retry connections for that long. A second call changes nothing.

    Only requests that never reached a server are sent again, so none can count twice.
    """
    if getattr(PrefectHttpxAsyncClient, _MARK, False):
        return
    setattr(PrefectHttpxAsyncClient, _MARK, True)
    policy: dict[str, Any] = {
        "retry": retry_if_exception_type(httpx.ConnectError),
        "wait": wait_fixed(every),
        "stop": stop_after_delay(seconds),
        "reraise": True,
    }
    send, send_at_once = PrefectHttpxAsyncClient.send, PrefectHttpxSyncClient.send

    @wraps(send)
    async def patient(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await AsyncRetrying(**policy)(send, self, *args, **kwargs)

    @wraps(send_at_once)
    def patient_at_once(self: Any, *args: Any, **kwargs: Any) -> Any:
        return Retrying(**policy)(send_at_once, self, *args, **kwargs)

    for client, sender in ((PrefectHttpxAsyncClient, patient), (PrefectHttpxSyncClient, patient_at_once)):
        setattr(client, "send", sender)  # noqa: B010 - mypy forbids to assign to a method
