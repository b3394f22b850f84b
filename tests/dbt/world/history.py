"""A shop with some history, and days on which every kind of event happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from tests.dbt.world import mailing, trade
from tests.dbt.world.shop import START, Shop

EVERYTHING_THAT_HAPPENS = (
    [trade.place_order] * 12
    + [mailing.send_message] * 10
    + [trade.advance_order] * 8
    + [mailing.redeliver, mailing.late_event, trade.change_discount, trade.cancel_order, trade.change_price] * 3
    + [trade.change_address] * 3
    + [trade.add_customer, trade.erase_customer, trade.touch_customer, trade.delete_order, trade.delete_line] * 2
    + [trade.add_product, trade.delete_product, mailing.add_campaign, mailing.edit_campaign, mailing.delete_campaign]
)

NEXT_WEEK = datetime(2026, 3, 17, 8, tzinfo=UTC)
FAR_DATES = tuple(datetime(year, 11, 28, tzinfo=UTC) for year in (1, 1970, 1999, 2000, 2006, 2206, 9999))


def open_shop(rng: Random) -> Shop:
    """Return a shop with some history."""
    shop = Shop(rng)
    for number, city in enumerate(("Amsterdam", "Bari", "Cork"), 1):
        values = {"warehouse_id": number, "code": f"WH-{city[:3].upper()}", "name": city, "city": city}
        shop.put("warehouses", (number,), values | {"country": "NL", "opened_on": START.date()})
    for _ in range(12):
        trade.add_product(shop)
    for _ in range(15):
        trade.add_customer(shop)
    for _ in range(5):
        mailing.add_campaign(shop)
    for _ in range(20):
        mailing.send_message(shop)
    for _ in range(30):
        trade.place_order(shop)
    return shop


def live_through_a_round(shop: Shop) -> None:
    """Let every kind of event happen in any order, days later.

    A line deleted before comes back with its key, and a product comes back unchanged.
    """
    shop.tick(timedelta(days=2).total_seconds())
    deleted = [line for line in shop.graveyard if (line["order_item_id"],) not in shop.rows("order_items")]
    if deleted:
        trade.restore_line(shop, deleted[0])
    trade.restore_product(shop)
    happenings = list(EVERYTHING_THAT_HAPPENS)
    shop.rng.shuffle(happenings)
    for happen in happenings:
        happen(shop)


def live_far_away(shop: Shop) -> None:
    """Add movements, orders and events of other centuries, and of next week."""
    for number, moment in enumerate((*FAR_DATES, NEXT_WEEK, NEXT_WEEK)):
        shop.tick()
        shop.move((1 + number % 3, 1 + number), -1 if number % 2 else 5, "adjustment", None, moment)
        shop.change("orders", (1 + number,), placed_at=moment)
        event = {"event_id": f"far_{number}", "type": "sent", "message_id": f"far_{number}", "campaign_id": "cmp_1"}
        event |= {"recipient": "a@mail.example", "occurred_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)}
        mailing.deliver(shop, event, shop.now)
