"""Alerts of schema changes: an event for each new one, which the server's automation sends to the alert webhook.

The server sends it, like every alert, so a run does not need the webhook's address, which is a secret.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import httpx
import pendulum
from prefect.events.schemas.events import Event, Resource
from prefect.settings import PREFECT_API_URL

from ingest.errors import TransientError
from orchestration.ops.schema_changes import alert_text
from orchestration.runtime.client import sync_client
from orchestration.runtime.names import SCHEMA_CHANGED, SCHEMA_CHANGED_RESOURCE
from orchestration.warehouse.ops.rows import SchemaChangeRow


def send_alerts(rows: Sequence[SchemaChangeRow]) -> None:
    """Send an event for each of these changes. Without a server, no alert is sent. Raises TransientError."""
    if not rows or not PREFECT_API_URL.value():
        return
    events = [json.loads(_event(row).json()) for row in rows]
    try:
        with sync_client() as client:
            client._client.post("/events", json=events).raise_for_status()
    except httpx.HTTPError as error:
        raise TransientError(f"the Prefect server took no event: {str(error) or type(error).__name__}") from error


def _event(row: SchemaChangeRow) -> Event:
    return Event(
        occurred=pendulum.now("UTC"),
        event=SCHEMA_CHANGED,
        resource=Resource(
            __root__={
                "prefect.resource.id": f"{SCHEMA_CHANGED_RESOURCE}.{row.stream}",
                "prefect.resource.name": row.stream,
            }
        ),
        payload={"severity": row.severity, "kind": row.kind, "run_id": row.run_id, "text": alert_text(row)},
    )
