"""Prefect's two clients, each with its own type, because `get_client` returns either; and the login of its event
client.
"""

from __future__ import annotations

from typing import Any

from prefect import get_client
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.events import clients as events
from prefect.settings import PREFECT_API_KEY
from websockets.client import connect


def async_client() -> PrefectClient:
    """Return a client for `async with`."""
    client = get_client()
    if not isinstance(client, PrefectClient):
        raise TypeError(f"Prefect gave a {type(client).__name__}")
    return client


def sync_client() -> SyncPrefectClient:
    """Return a client for `with`."""
    client = get_client(sync_client=True)
    if not isinstance(client, SyncPrefectClient):
        raise TypeError(f"Prefect gave a {type(client).__name__}")
    return client


def let_events_log_in() -> None:
    """Make Prefect's event client send PREFECT_API_KEY, as its other clients do with each request."""
    events.connect = _connect_by_key  # type: ignore[assignment, attr-defined]


def _connect_by_key(uri: str, **options: Any) -> Any:
    key = PREFECT_API_KEY.value()
    login = {"extra_headers": {"Authorization": f"Bearer {key}"}} if key else {}
    return connect(uri, **{**login, **options})
