"""A small shop and its e-mail provider, whose rows land in RAW as ingest would land them.

Every change is a transaction at one instant of the database's clock. `land` takes the rows whose cursor is below a
horizon, and the keys as they are now: what changed at or after the horizon lands with the next run, in its state then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from ingest.contracts.model import StreamContract
from tests.dbt.raw_database import RawDatabase

Record = dict[str, Any]
Key = tuple[Any, ...]

START = datetime(2026, 3, 1, tzinfo=UTC)
NEVER = datetime.min.replace(tzinfo=UTC)
CENT = Decimal("0.01")
LIVES = (
    [("sent", 0)],
    [("sent", 0), ("delivered", 1)],
    [("sent", 0), ("bounced", 2)],
    [("sent", 0), ("delivered", 1), ("opened", 9), ("opened", 12), ("clicked", 15)],
    [("sent", 0), ("delivered", 1), ("opened", 5), ("clicked", 6), ("clicked", 7), ("unsubscribed", 8)],
)
"""What may become of a message: events and how many minutes after it was sent."""


@dataclass
class Shop:
    """The sources' rows as they are now, by stream and key."""

    rng: Random
    now: datetime = START
    tables: dict[str, dict[Key, Record]] = field(default_factory=dict)
    last_ids: dict[str, int] = field(default_factory=dict)
    deliveries: list[Record] = field(default_factory=list)
    """E-mail events as the provider lists them: an event may be there more than once."""
    round: int = 0
    """Runs of ingest so far."""
    graveyard: list[Record] = field(default_factory=list)
    """Order lines that were taken out of their orders."""
    priced_in: dict[int, int] = field(default_factory=dict)
    """The round in which a product last got a price."""
    watermarks: dict[str, datetime] = field(default_factory=dict)

    def rows(self, stream: str) -> dict[Key, Record]:
        """The rows of a table or of the campaigns."""
        return self.tables.setdefault(stream, {})

    def next_id(self, stream: str) -> int:
        """A number that no row of the table ever had."""
        self.last_ids[stream] = self.last_ids.get(stream, 0) + 1
        return self.last_ids[stream]

    def tick(self, seconds: float = 60) -> datetime:
        """The next transaction's instant."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def put(self, stream: str, key: Key, record: Mapping[str, Any]) -> Record:
        """Insert or change a row; its times are the transaction's."""
        created = self.rows(stream).get(key, {}).get("created_at", self.now)
        row = dict(record) | {"created_at": created, "updated_at": self.now}
        self.rows(stream)[key] = row
        return row

    def change(self, stream: str, key: Key, **values: Any) -> None:
        """Change some columns of a row."""
        self.put(stream, key, self.rows(stream)[key] | values)

    def move(self, pair: Key, quantity: int, reason: str, order_id: int | None, moved_at: datetime) -> None:
        """Record a movement and change the level with it."""
        number = self.next_id("stock_movements")
        warehouse_id, product_id = pair
        movement = {"warehouse_id": warehouse_id, "product_id": product_id, "quantity": quantity, "reason": reason}
        self.put(
            "stock_movements",
            (number,),
            movement | {"movement_id": number, "order_id": order_id, "moved_at": moved_at},
        )
        self.change("stock_levels", pair, on_hand=self.rows("stock_levels")[pair]["on_hand"] + quantity)

    def draw(self, stream: str, wanted: Callable[[Record], bool] = lambda _: True) -> Key | None:
        """The key of a random row, or None where there is none of that kind."""
        keys = sorted(key for key, row in self.rows(stream).items() if wanted(row))
        return self.rng.choice(keys) if keys else None

    def land(self, raw: RawDatabase, *, streams: Collection[str] = (), in_flight: timedelta = timedelta(0)) -> None:
        """A run of ingest for some streams, or all. What changed within `in_flight` of now stays for the next run."""
        horizon = self.tick() - in_flight
        for stream in streams or raw.contracts:
            contract = raw.contracts[stream]
            if contract.spec.cursor is None:
                raw.land(stream, list(self.rows(stream).values()), self.now, kind="snapshot")
            else:
                self._land_window(raw, contract, contract.spec.cursor, horizon)
        self.round += 1

    def _land_window(self, raw: RawDatabase, contract: StreamContract, cursor: str, horizon: datetime) -> None:
        stream = contract.stream
        rows = self.deliveries if stream == "email_events" else list(self.rows(stream).values())
        new = [row for row in rows if self.watermark(stream) <= row[cursor] < horizon]
        if new:
            raw.land(stream, sorted(new, key=lambda row: row[cursor]), self.now)
        if contract.lands_keys:
            raw.land_keys(stream, list(self.rows(stream).values()), self.now)
        self.watermarks[stream] = max(self.watermark(stream), horizon)

    def watermark(self, stream: str) -> datetime:
        """Up to where a stream has landed."""
        return self.watermarks.get(stream, NEVER)

    def backfill(self, raw: RawDatabase, stream: str, count: int) -> None:
        """Land some rows again that are below the watermark."""
        rows = [row for row in self.rows(stream).values() if row["updated_at"] < self.watermark(stream)]
        raw.land(stream, self.rng.sample(rows, min(count, len(rows))), self.now, kind="backfill")


def open_shop(rng: Random) -> Shop:
    """A shop with some history."""
    shop = Shop(rng)
    for number, city in enumerate(("Amsterdam", "Bari", "Cork"), 1):
        values = {"warehouse_id": number, "code": f"WH-{city[:3].upper()}", "name": city, "city": city}
        shop.put("warehouses", (number,), values | {"country": "NL", "opened_on": START.date()})
    for _ in range(12):
        add_product(shop)
    for _ in range(15):
        add_customer(shop)
    for _ in range(5):
        add_campaign(shop)
    for _ in range(20):
        send_message(shop)
    for _ in range(30):
        place_order(shop)
    return shop


def add_product(shop: Shop) -> None:
    """A product, with stock in every warehouse."""
    shop.tick()
    number = max(shop.priced_in, default=0) + 1
    shop.priced_in[number] = shop.round
    attributes = json.dumps({"colour": shop.rng.choice(("red", "moss")), "weight_grams": shop.rng.randint(10, 900)})
    values = {"product_id": number, "sku": f"SKU-{number:05d}", "name": f"Thing {number}", "category": "things"}
    price = Decimal(shop.rng.randint(100, 9_999)).scaleb(-2)
    shop.put(
        "products",
        (number,),
        values | {"price": price, "currency": "EUR", "attributes": attributes, "is_active": True},
    )
    for (warehouse_id,) in sorted(shop.rows("warehouses")):
        level = {"warehouse_id": warehouse_id, "product_id": number, "on_hand": 0, "reorder_point": 5}
        shop.put("stock_levels", (warehouse_id, number), level)


def stock_up(shop: Shop, pair: Key, quantity: int) -> None:
    """Goods come in; now and then the clerk notes them days later."""
    shop.move(pair, quantity, "restock", None, shop.now - timedelta(days=shop.rng.choice((0, 0, 1, 6))))


def change_price(shop: Shop) -> None:
    """Another price, for a product whose last one has landed: a run sees only the last of several changes."""
    key = shop.draw("products", lambda row: shop.priced_in[row["product_id"]] < shop.round - 1)
    if key:
        shop.tick()
        shop.change("products", key, price=shop.rows("products")[key]["price"] + shop.rng.randint(1, 5))
        shop.priced_in[key[0]] = shop.round


def delete_product(shop: Shop) -> None:
    """A product that nobody ever ordered goes, with its levels."""
    moved = {row["product_id"] for row in shop.rows("stock_movements").values()}
    key = shop.draw("products", lambda row: row["product_id"] not in moved)
    if key:
        shop.tick()
        del shop.rows("products")[key]
        for pair in [pair for pair in shop.rows("stock_levels") if pair[1] == key[0]]:
            del shop.rows("stock_levels")[pair]


def add_customer(shop: Shop) -> None:
    """Somebody signs up."""
    shop.tick()
    number = shop.next_id("customers")
    values = {"customer_id": number, "email": f"Shopper{number:05d}@mail.example", "full_name": f"Shopper {number}"}
    shop.put(
        "customers",
        (number,),
        values | {"country": "IT", "marketing_consent": shop.rng.random() < 0.7, "signed_up_at": shop.now},
    )


def touch_customer(shop: Shop) -> None:
    """A customer changes their mind on marketing."""
    key = shop.draw("customers")
    if key:
        shop.tick()
        shop.change("customers", key, marketing_consent=not shop.rows("customers")[key]["marketing_consent"])


def erase_customer(shop: Shop) -> None:
    """A customer with orders is forgotten; the orders stay, without them."""
    buyers = {order["customer_id"] for order in shop.rows("orders").values()}
    key = shop.draw("customers", lambda row: row["customer_id"] in buyers)
    if key:
        shop.tick()
        del shop.rows("customers")[key]
        for order_key, order in list(shop.rows("orders").items()):
            if order["customer_id"] == key[0]:
                shop.change("orders", order_key, customer_id=None)


def place_order(shop: Shop) -> None:
    """Up to three lines at today's prices, in one transaction; stock is fetched where it lacks."""
    customer = shop.draw("customers")
    if customer is None:
        return
    shop.tick()
    number = shop.next_id("orders")
    placed_at = shop.now - timedelta(hours=shop.rng.choice((0, 0, 0, 30)))
    lines = shop.rng.sample(sorted(shop.rows("stock_levels")), shop.rng.randint(1, 3))
    lines = list({pair[1]: pair for pair in lines}.values())
    total = sum(
        (add_line(shop, number, position, pair, placed_at) for position, pair in enumerate(lines, 1)), Decimal()
    )
    order = {"order_id": number, "customer_id": customer[0], "status": "placed", "currency": "EUR"}
    shop.put("orders", (number,), order | {"total_amount": total, "placed_at": placed_at})


def add_line(shop: Shop, order_id: int, position: int, pair: Key, placed_at: datetime) -> Decimal:
    """A line and its sale. Returns the line's total."""
    number = shop.next_id("order_items")
    quantity = shop.rng.randint(1, 4)
    price = shop.rows("products")[(pair[1],)]["price"]
    line = {"order_item_id": number, "order_id": order_id, "line_number": position, "product_id": pair[1]}
    line |= {"warehouse_id": pair[0], "quantity": quantity, "unit_price": price}
    total = line_total(quantity, price, discount := Decimal(shop.rng.choice((0, 0, 1500))).scaleb(-4))
    shop.put("order_items", (number,), line | {"discount_rate": discount, "line_total": total})
    if shop.rows("stock_levels")[pair]["on_hand"] < quantity:
        shop.move(pair, 20, "restock", None, placed_at - timedelta(days=shop.rng.choice((1, 9))))
    shop.move(pair, -quantity, "sale", order_id, placed_at)
    return total


def line_total(quantity: int, price: Decimal, discount: Decimal) -> Decimal:
    """As the shop's check constraint has it."""
    return (quantity * price * (1 - discount)).quantize(CENT, ROUND_HALF_UP)


def advance_order(shop: Shop) -> None:
    """An order is shipped or delivered."""
    key = shop.draw("orders", lambda row: row["status"] in ("placed", "shipped"))
    if key:
        shop.tick()
        status = "shipped" if shop.rows("orders")[key]["status"] == "placed" else "delivered"
        shop.change("orders", key, status=status)


def cancel_order(shop: Shop) -> None:
    """An order is cancelled, and its goods go back on the shelves."""
    key = shop.draw("orders", lambda row: row["status"] == "placed")
    if key:
        shop.tick()
        shop.change("orders", key, status="cancelled")
        take_back(shop, lines_of(shop, key[0]))


def delete_order(shop: Shop) -> None:
    """An order vanishes, lines and all."""
    key = shop.draw("orders", lambda row: row["status"] == "placed")
    if key:
        shop.tick()
        lines = lines_of(shop, key[0])
        take_back(shop, lines)
        del shop.rows("orders")[key]
        for line in lines:
            del shop.rows("order_items")[(line["order_item_id"],)]


def change_discount(shop: Shop) -> None:
    """A line gets cheaper, and its order with it."""
    key = shop.draw("order_items")
    if key:
        shop.tick()
        line = shop.rows("order_items")[key]
        discount = line["discount_rate"] / 2 + Decimal("0.1")
        shop.change(
            "order_items",
            key,
            discount_rate=discount.quantize(Decimal("0.0001")),
            line_total=line_total(line["quantity"], line["unit_price"], discount.quantize(Decimal("0.0001"))),
        )
        retotal(shop, line["order_id"])


def delete_line(shop: Shop) -> None:
    """A line is taken out of its order."""
    key = shop.draw("order_items", lambda row: shop.rows("orders")[(row["order_id"],)]["status"] == "placed")
    if key:
        shop.tick()
        line = shop.rows("order_items").pop(key)
        shop.graveyard.append(line)
        take_back(shop, [line])
        retotal(shop, line["order_id"])


def restore_line(shop: Shop, line: Record) -> None:
    """A line that was deleted comes back under its old key."""
    if (line["order_id"],) in shop.rows("orders"):
        shop.tick()
        shop.put("order_items", (line["order_item_id"],), line)
        retotal(shop, line["order_id"])


def retotal(shop: Shop, order_id: int) -> None:
    """The order's total again from its lines."""
    total = sum((line["line_total"] for line in lines_of(shop, order_id)), Decimal())
    shop.change("orders", (order_id,), total_amount=total)


def lines_of(shop: Shop, order_id: int) -> list[Record]:
    """The order's lines."""
    return [line for line in shop.rows("order_items").values() if line["order_id"] == order_id]


def take_back(shop: Shop, lines: list[Record]) -> None:
    """The goods of these lines go back on the shelves."""
    for line in lines:
        pair = (line["warehouse_id"], line["product_id"])
        shop.move(pair, line["quantity"], "cancellation", line["order_id"], shop.now)


def add_campaign(shop: Shop) -> None:
    """A new campaign."""
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
    """A campaign's subject changes."""
    key = shop.draw("campaigns")
    if key:
        shop.tick()
        known = ("campaign_id", "name", "subject", "status", "from_address", "promoted_skus")
        values = {name: shop.rows("campaigns")[key][name] for name in known}
        put_campaign(shop, values | {"subject": f"Edited at {shop.now:%H:%M}"})


def delete_campaign(shop: Shop) -> None:
    """A campaign vanishes from the provider's list; its messages were sent."""
    key = shop.draw("campaigns")
    if key:
        shop.tick()
        del shop.rows("campaigns")[key]


def send_message(shop: Shop) -> None:
    """A message to a customer, and what becomes of it; some of it is heard of late, some twice."""
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
    """What an event of that type has besides."""
    if step == "bounced":
        return {"bounce": {"class": "hard", "code": 550, "reason": "user unknown"}}
    if step == "clicked":
        return {"link": {"url": "https://shop.example/p/SKU-00001", "sku": "SKU-00001"}, "user_agent": "x"}
    return {}


def deliver(shop: Shop, event: Record, received_at: datetime) -> None:
    """The provider lists an event: not before its last listing, which is final."""
    received_at = max(received_at, shop.watermark("email_events"))
    record = event | {"received_at": iso(received_at)}
    shop.deliveries.append(
        {"event_id": event["event_id"], "received_at": received_at, "payload": json.dumps(record), "record": record}
    )


def redeliver(shop: Shop) -> None:
    """An event is listed again."""
    event = shop.rng.choice(shop.deliveries)["record"]
    deliver(shop, event, shop.tick())


def late_event(shop: Shop) -> None:
    """An open of an old message is heard of only now."""
    event = shop.rng.choice(shop.deliveries)["record"]
    opened = event | {"event_id": f"{event['event_id']}_late_{len(shop.deliveries)}", "type": "opened"}
    deliver(shop, opened, shop.tick())


def iso(instant: datetime) -> str:
    """As the provider writes times."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
