"""Alerts: automations of the server that call ALERT_WEBHOOK_URL once for each run that failed, crashed or is late, and
for each change of a source's schema.

The runs are those of the platform's flow and of the maintenance; the run that asked for a stream
reports its failure. The server sends alerts itself, so a late run is reported even if no agent is up.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr, v1

from ingest.errors import ConfigurationError
from orchestration.prefect.operate.alert_webhook import BLOCK_TYPE, AlertWebhook
from orchestration.prefect.operate.receiver import ReceiverError, require_allowed
from orchestration.runtime.names import (
    MAINTENANCE_FLOW,
    PLATFORM_FLOW,
    SCHEMA_CHANGED,
    SCHEMA_CHANGED_RESOURCE,
    VERIFY_FLOW,
    WORK_POOL,
)

BLOCK = f"{WORK_POOL}-alerts"
_FAILED = f"{WORK_POOL}: a run failed"
_LATE = f"{WORK_POOL}: a run is late"
_CHANGED = f"{WORK_POOL}: the schema of a source has changed"

_TITLE = "{{ flow.name }}: run {{ flow_run.name }}"
_LINK = "{{ event.resource | ui_url }}"
# The message is escaped, so that its text is no markup for the receiver. The limit keeps an alert readable.
_PLAIN = "| truncate(600) | replace('&', '&amp;') | replace('<', '&lt;') | replace('>', '&gt;')"
_MESSAGE = f"{{{{ (flow_run.state.message or '') {_PLAIN} }}}}"
_CHANGE = f"{{{{ (event.payload.text or '') {_PLAIN} }}}}"
_TEXTS = {
    _FAILED: f"{_TITLE} {{{{ flow_run.state.name | lower }}}}\n{_MESSAGE}\n{_LINK}",
    _LATE: f"{_TITLE} is late: it is due, and nothing has begun it. Is its agent up, or another run going on?\n{_LINK}",
    _CHANGED: _CHANGE,
}
_EVENTS = {
    _FAILED: ("prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut"),
    _LATE: ("prefect.flow-run.Late",),
    _CHANGED: (SCHEMA_CHANGED,),
}
_RUNS = "prefect.flow-run.*"
_SUBJECTS = {_CHANGED: f"{SCHEMA_CHANGED_RESOURCE}.*"}
"""What the events are of, where it is no run."""
_OF_OUR_FLOWS = {
    "prefect.resource.role": "flow",
    "prefect.resource.name": [PLATFORM_FLOW, MAINTENANCE_FLOW, VERIFY_FLOW],
}
_DESCRIPTIONS = {
    _FAILED: "Calls the alert webhook for each run that failed or crashed.",
    _LATE: "Calls the alert webhook for each run that nothing begins in time.",
    _CHANGED: "Calls the alert webhook for each new difference between a stream's contract and its source.",
}


async def ensure_alerts(client: PrefectClient, url: SecretStr | None) -> list[str]:
    """Make the automations, or remove them if there is no URL. Return the names of the present ones.

    An automation that was paused in the UI stays paused. Raises ConfigurationError for an invalid URL, and if the
    server has no automations.
    """
    found = {automation.name: automation for automation in await _automations(client)}
    if url is None:
        for name in _TEXTS:
            if name in found:
                await client.delete_automation(found[name].id)
        await _remove_block(client)
        return []
    check(url)
    block_id = await _ensure_block(url)
    for name in _TEXTS:
        await _ensure_automation(client, name, block_id, found.get(name))
    return list(_TEXTS)


async def _automations(client: PrefectClient) -> list[Automation]:
    try:
        return await client.read_automations()
    except (RuntimeError, httpx.HTTPStatusError) as error:
        raise ConfigurationError(
            "Prefect has no automations here, which send the alerts",
            hint="Set PREFECT_EXPERIMENTAL_EVENTS=true for the server, and for this program.",
        ) from error


def check(url: SecretStr) -> None:
    """Raise ConfigurationError if alerts cannot or must not be sent to the URL."""
    try:
        parts = urlsplit(url.get_secret_value())
    except ValueError:
        raise ConfigurationError("ALERT_WEBHOOK_URL is no http(s) URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("ALERT_WEBHOOK_URL is no http(s) URL")
    try:
        require_allowed(parts.hostname)
    except ReceiverError as error:
        raise ConfigurationError(f"ALERT_WEBHOOK_URL: {error}") from None


async def _ensure_block(url: SecretStr) -> UUID:
    block = AlertWebhook(url=v1.SecretStr(url.get_secret_value()))
    return UUID(str(await block.save(BLOCK, overwrite=True)))


async def _remove_block(client: PrefectClient) -> None:
    try:
        block = await client.read_block_document_by_name(BLOCK, BLOCK_TYPE)
    except ObjectNotFound:
        return
    if block.id is not None:
        await client.delete_block_document(block.id)


async def _ensure_automation(client: PrefectClient, name: str, block_id: UUID, found: Automation | None) -> None:
    automation = AutomationCore(
        name=name,
        description=_DESCRIPTIONS[name],
        enabled=found.enabled if found else True,
        trigger=EventTrigger(
            expect=set(_EVENTS[name]),
            match=ResourceSpecification.parse_obj({"prefect.resource.id": _SUBJECTS.get(name, _RUNS)}),
            match_related=ResourceSpecification.parse_obj({} if name in _SUBJECTS else _OF_OUR_FLOWS),
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[SendNotification(block_document_id=block_id, subject=name, body=_TEXTS[name])],
    )
    if found is None:
        await client.create_automation(automation)
    else:
        await client.update_automation(found.id, automation)
