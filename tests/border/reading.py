"""The values of a record, read by Python's own parsers: staging must show the same values of an accepted record."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

_MOMENT = r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:[Zz]|([+-]\d\d:\d\d))"
_READ = {
    *("event_id", "type", "message_id", "campaign_id", "recipient", "occurred_at", "received_at", "link", "bounce"),
    *("user_agent", "url", "sku", "class", "code", "reason", "name", "subject", "status", "from_address"),
    *("promoted_skus", "budget", "currency", "scheduled_at", "created_at", "updated_at"),
}
"""What staging reads, at any depth."""

Value = str | int | datetime | Decimal | None


class AmbiguousError(ValueError):
    """An object gives a member twice, so that readers may differ."""


def email_event(payload: str) -> dict[str, Value]:
    """Return the columns of stg_email_events that come from the record."""
    event = _object(payload)
    link, bounce = _once(event.get("link")), _once(event.get("bounce"))
    return {
        "event_id": event["event_id"],
        "event_type": event["type"],
        "message_id": event["message_id"],
        "campaign_id": event["campaign_id"],
        "recipient": event["recipient"],
        "occurred_at": moment(event["occurred_at"]),
        "received_at": moment(event["received_at"]),
        "link_url": link.get("url"),
        "link_sku": link.get("sku"),
        "bounce_class": bounce.get("class"),
        "bounce_code": bounce.get("code"),
        "bounce_reason": bounce.get("reason"),
        "user_agent": event.get("user_agent"),
    }


def campaign(payload: str) -> dict[str, Value]:
    """Return the columns of stg_campaigns that come from the record. The promoted skus stay JSON."""
    record = _object(payload)
    return {
        "campaign_id": record["campaign_id"],
        "campaign_name": record["name"],
        "subject": record["subject"],
        "campaign_status": record["status"],
        "from_address": record["from_address"],
        "promoted_skus": record["promoted_skus"],
        "promoted_sku_count": len(record["promoted_skus"]),
        "budget": Decimal(record["budget"]),
        "currency": record["currency"],
        "scheduled_at": moment(record.get("scheduled_at")),
        "created_at": moment(record["created_at"]),
        "updated_at": moment(record["updated_at"]),
    }


READINGS: Mapping[str, Callable[[str], dict[str, Value]]] = {"email_events": email_event, "campaigns": campaign}


def moment(text: str | None) -> datetime | None:
    """Return an RFC 3339 time as UTC without a zone."""
    if text is None:
        return None
    match = re.fullmatch(_MOMENT, text, re.ASCII)
    assert match is not None, text
    spelt = f"{match[1]}T{match[2]}.{(match[3] or '').ljust(6, '0')}{match[4] or '+00:00'}"
    return datetime.fromisoformat(spelt).astimezone(UTC).replace(tzinfo=None)


def _object(payload: str) -> dict[str, Any]:
    return _once(json.loads(payload, object_pairs_hook=list))


def _once(pairs: list[tuple[str, Any]] | None) -> dict[str, Any]:
    """Return the members of an object. Raises AmbiguousError if it gives one of those that staging reads twice."""
    found: dict[str, Any] = {}
    for name, value in pairs or []:
        if name in found and name in _READ:
            raise AmbiguousError(f"'{name}' is given twice")
        found[name] = value
    return found
