"""Events at the e-mail provider: campaigns, messages and reports about them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from tests.dbt.world.shop import START, Record, Shop

LIVES = (
    [("sent", 0)],
    [("sent", 0), ("delivered", 1)],
    [("sent", 0), ("bounced", 2)],
    [("sent", 0), ("delivered", 1), ("opened", 9), ("opened", 12), ("clicked", 15)],
    [("sent", 0), ("delivered", 1), ("opened", 5), ("clicked", 6), ("clicked", 7), ("unsubscribed", 8)],
)
"""What may become of a message: events and how many minutes after it was sent."""


def add_campaign(shop: Shop) -> None:
    """Add a campaign."""
    shop.tick()
    number = shop.next_id("campaigns")
    values = {"campaign_id": f"cmp_{number}", "name": f"Campaign {number}", "subject": "Hello", "status": "sent"}
    values |= {"from_address": "news@shop.example", "promoted_skus": json.dumps(["SKU-00001", "SKU-00002"])}
    put_campaign(shop, values)


def put_campaign(shop: Shop, values: Record) -> None:
    """Insert or change a campaign, with its record."""
    record = values | {"promoted_skus": json.loads(values["promoted_skus"]), "budget": "1200.50", "currency": "EUR"}
    times = {"scheduled_at": None, "created_at": iso(START), "updated_at": iso(shop.now)}
    shop.put("campaigns", (values["campaign_id"],), values | {"payload": json.dumps(record | times)})


def edit_campaign(shop: Shop) -> None:
    """Change a campaign's subject."""
    key = shop.draw("campaigns")
    if key:
        shop.tick()
        known = ("campaign_id", "name", "subject", "status", "from_address", "promoted_skus")
        values = {name: shop.rows("campaigns")[key][name] for name in known}
        put_campaign(shop, values | {"subject": f"Edited at {shop.now:%H:%M}"})


def delete_campaign(shop: Shop) -> None:
    """Remove a campaign from the provider's list, although its messages were sent."""
    key = shop.draw("campaigns")
    if key:
        shop.tick()
        del shop.rows("campaigns")[key]


def send_message(shop: Shop) -> None:
    """Send a message to a customer, with the events that follow. Some are reported late, some twice."""
    customer, campaign = shop.draw("customers"), shop.draw("campaigns")
    if customer is None or campaign is None:
        return
    sent_at = shop.tick() - timedelta(hours=shop.rng.randint(0, 100))
    message = f"msg_{len(shop.deliveries)}_{sent_at:%d%H%M%S}"
    address = shop.rows("customers")[customer]["email"]
    for step, minutes in shop.rng.choice(LIVES):
        occurred_at = sent_at + timedelta(minutes=minutes)
        event = {"event_id": f"ev_{message}_{minutes}", "type": step, "message_id": message}
        event |= {"campaign_id": campaign[0], "recipient": address, "occurred_at": iso(occurred_at)}
        deliver(shop, event | details(step), shop.now - timedelta(minutes=shop.rng.choice((0, 0, 30))))


def details(step: str) -> Record:
    """Return the additional fields of an event of that type."""
    if step == "bounced":
        return {"bounce": {"class": "hard", "code": 550, "reason": "user unknown"}}
    if step == "clicked":
        return {"link": {"url": "https://shop.example/p/SKU-00001", "sku": "SKU-00001"}, "user_agent": "x"}
    return {}


def deliver(shop: Shop, event: Record, received_at: datetime) -> None:
    """List an event at the provider, but not before its last listing, which is final."""
    received_at = max(received_at, shop.watermark("email_events"))
    record = event | {"received_at": iso(received_at)}
    shop.deliveries.append(
        {"event_id": event["event_id"], "received_at": received_at, "payload": json.dumps(record), "record": record}
    )


def redeliver(shop: Shop) -> None:
    """List an event again."""
    event = shop.rng.choice(shop.deliveries)["record"]
    deliver(shop, event, shop.tick())


def late_event(shop: Shop) -> None:
    """Report an event of an old message only now: a click before an order, a refusal before other messages."""
    event = shop.rng.choice(shop.deliveries)["record"]
    kind = shop.rng.choice(("opened", "clicked", "clicked", "unsubscribed", "bounced"))
    late = event | {"event_id": f"{event['event_id']}_late_{len(shop.deliveries)}", "type": kind} | details(kind)
    deliver(shop, late, shop.tick())


def correct_event(shop: Shop) -> None:
    """List an event again with another type, time, address, campaign or message."""
    event = shop.rng.choice(shop.deliveries)["record"]
    other = shop.rng.choice(shop.deliveries)["record"]
    kind = shop.rng.choice(("sent", "opened", "clicked", "unsubscribed", "bounced"))
    moved = shop.now - timedelta(hours=shop.rng.randint(0, 200))
    changes: tuple[Record, ...] = (
        {"type": kind} | details(kind),
        {"occurred_at": iso(moved)},
        {"campaign_id": other["campaign_id"]},
        {"recipient": other["recipient"]},
        {"message_id": other["message_id"]},
    )
    deliver(shop, event | shop.rng.choice(changes), shop.tick())


def iso(instant: datetime) -> str:
    """Return a time in the provider's form."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
