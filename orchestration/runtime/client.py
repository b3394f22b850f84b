"""Prefect's two clients, each with its own type: `get_client` returns either."""

from __future__ import annotations

from prefect import get_client
from prefect.client.orchestration import PrefectClient, SyncPrefectClient


def async_client() -> PrefectClient:
    """A client for `async with`."""
    client = get_client()
    if not isinstance(client, PrefectClient):
        raise TypeError(f"Prefect gave a {type(client).__name__}")
    return client


def sync_client() -> SyncPrefectClient:
    """A client for `with`."""
    client = get_client(sync_client=True)
    if not isinstance(client, SyncPrefectClient):
        raise TypeError(f"Prefect gave a {type(client).__name__}")
    return client
