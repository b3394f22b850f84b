"""Invented marts of a small shop: tables with the columns and types that dbt describes, and rows that tests know.

Rows are drawn at random from a fixed seed. Names hold quotes, Markdown and other scripts; some facts lie out of the
calendar, some amounts are of another currency.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

from tests.analytics.runs import invent_runs

Row = dict[str, Any]

MODELS = Path(__file__).parents[2] / "dbt" / "models" / "marts"
DATABASE = "DP_MAILBLAZE_DEMO_DEV_DB"
LAST_DAY = date(2028, 3, 14)
FIRST_DAY = LAST_DAY - timedelta(days=89)
BEFORE, UNKNOWN, AFTER = date(1900, 1, 1), date(1900, 1, 2), date(9999, 12, 31)
BEGINNING, END = datetime(1900, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001
CAMPAIGNS = ("Spring 'sale' #1 \"now\"", "Ünïcode <b>$5</b> *off*", "Plain", None)
CATEGORIES = ("audio", "garden 'n' home", None)
COUNTRIES = ("NL", "DE", "FR", None)
PUBLICATION = (
    "run_id",
    "published_at",
    "business_time",
    "streams",
    "streams_equal",
    "uncounted_streams",
    "failed_streams",
)
_SEED = 20280314


@cache
def described() -> Mapping[str, Mapping[str, str]]:
    """Return the type by column by mart, from dbt's YAML of its models and of the platform's own tables."""
    models: dict[str, Mapping[str, str]] = {}
    for path in sorted(MODELS.rglob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        written = [table for source in document.get("sources", []) for table in source["tables"]]
        for model in [*document.get("models", []), *written]:
            models[model["name"]] = {column["name"]: str(column["data_type"]) for column in model.get("columns", [])}
    return models


@dataclass
class Shop:
    """All rows, by mart."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def __getitem__(self, table: str) -> list[Row]:
        return self.tables[table]


def at(day: date, hours: float = 12.0) -> datetime:
    return datetime.combine(day, time()) + timedelta(hours=hours)


def invent() -> Shop:
    """Return the shop's rows."""
    dice = random.Random(_SEED)
    shop = Shop({"dim_date": list(_calendar())})
    shop.tables |= _dimensions(dice)
    messages = _messages(dice, shop)
    orders, lines = _orders(dice, shop, messages)
    shop.tables |= {"fct_email_messages": messages, "fct_orders": orders, "fct_order_lines": lines}
    shop.tables |= {"fct_email_events": _bounces(dice, messages), "fct_campaign_cohorts": _cohorts(messages)}
    shop.tables |= {"fct_campaign_activity_daily": _activity(messages)} | _stock(dice, shop)
    shop.tables |= invent_runs()
    return shop


def _calendar() -> Iterable[Row]:
    for number in range(90 + 365):
        day = LAST_DAY - timedelta(days=number)
        yield {
            "calendar_date": day, "out_of_range": None, "month_start": day.replace(day=1),
            "iso_week_start": day - timedelta(days=day.weekday()),
        }  # fmt: skip
    for member in (BEFORE, UNKNOWN, AFTER):
        yield {"calendar_date": member, "out_of_range": "no day", "month_start": None, "iso_week_start": None}


def _dimensions(dice: random.Random) -> dict[str, list[Row]]:
    customers: list[Row] = [
        {"customer_key": f"c{n}", "customer_id": n, "country": dice.choice(COUNTRIES),
         "signed_up_on": LAST_DAY - timedelta(days=dice.randrange(400))}
        for n in range(60)
    ]  # fmt: skip
    customers.append({"customer_key": "unknown", "customer_id": -1, "country": None, "signed_up_on": None})
    campaigns = [
        {"campaign_key": f"k{n}", "campaign_id": f"cmp_{n}", "campaign_name": name, "budget": budget,
         "currency": "EUR", "from_address": sender}
        for n, (name, budget, sender) in enumerate(
            zip(CAMPAIGNS, (Decimal(500), None, Decimal(20), None), ("a@shop.example", "b@news.example", None, None),
                strict=True)
        )
    ]  # fmt: skip
    products: list[Row] = []
    for n in range(8):
        common = {"product_id": n, "sku": f"SKU-{n}", "product_name": f"Product *{n}*", "currency": "EUR",
                  "category": CATEGORIES[n % 3], "is_deleted": False}  # fmt: skip
        changed = at(LAST_DAY - timedelta(days=20 + n))
        first = {"version_number": 1, "list_price": Decimal(10 + n), "valid_from": BEGINNING}
        if n % 2:
            products.append(common | first | {"product_key": f"p{n}", "valid_to": END, "is_current": True})
            continue
        products += [
            common | first | {"product_key": f"p{n}", "valid_to": changed, "is_current": False},
            common | {"product_key": f"p{n}b", "version_number": 2, "list_price": Decimal(12 + n),
                      "valid_from": changed, "valid_to": END, "is_current": True},
        ]  # fmt: skip
    warehouses = [
        {"warehouse_key": f"w{n}", "warehouse_id": n, "warehouse_code": code, "city": city}
        for n, (code, city) in enumerate((("WH-AMS", "Amsterdam"), ("WH-'X'", None), (None, None)))
    ]
    current = [
        {name: product[name] for name in ("product_id", "product_key", "sku", "product_name", "category", "list_price")}
        for product in products
        if product["is_current"]
    ]
    return {
        "dim_customer": customers, "dim_campaign": campaigns, "dim_product": products,
        "dim_product_current": current, "dim_warehouse": warehouses,
    }  # fmt: skip


def _messages(dice: random.Random, shop: Shop) -> list[Row]:
    messages = []
    for n in range(600):
        sent_date = dice.choice([UNKNOWN, *(LAST_DAY - timedelta(days=dice.randrange(60)) for _ in range(30))])
        sent_at = None if sent_date == UNKNOWN else at(sent_date, dice.randrange(20))
        clicked = dice.random() < 0.2
        opened = clicked or dice.random() < 0.4
        delivered = opened or dice.random() < 0.9
        bounce = None if delivered else dice.choice(["hard", "soft"])
        after = (sent_at or at(LAST_DAY)) + timedelta(minutes=dice.randrange(1, 600))
        messages.append(
            {"message_id": f"m{n}", "campaign_key": dice.choice(shop["dim_campaign"])["campaign_key"],
             "customer_key": dice.choice(shop["dim_customer"])["customer_key"], "sent_date": sent_date,
             "sent_at": sent_at, "is_delivered": delivered, "is_bounced": bounce is not None, "bounce_class": bounce,
             "is_opened": opened, "is_opened_by_human": clicked or (opened and dice.random() < 0.7),
             "is_clicked": clicked, "first_opened_at": after if opened else None,
             "first_clicked_at": after + timedelta(minutes=7) if clicked else None,
             "unsubscribed_at": after if opened and dice.random() < 0.1 else None,
             "complained_at": after if delivered and dice.random() < 0.02 else None,
             "consent_when_sent": dice.choice([True, True, False, None]),
             "is_after_unsubscription": dice.random() < 0.03, "is_after_hard_bounce": dice.random() < 0.03}
        )  # fmt: skip
    return messages


def _orders(dice: random.Random, shop: Shop, messages: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    clicked = [message for message in messages if message["is_clicked"]]
    orders, lines = [], []
    for n in range(500):
        day = dice.choice([BEFORE, AFTER, *(LAST_DAY - timedelta(days=dice.randrange(90)) for _ in range(40))])
        cancelled = dice.random() < 0.1
        message = dice.choice(clicked) if dice.random() < 0.25 else None
        currency = "USD" if dice.random() < 0.05 else "EUR"
        customer = dice.choice(shop["dim_customer"])["customer_key"]
        total = Decimal(0)
        for _ in range(dice.randrange(1, 4)):
            product, quantity = dice.choice(shop["dim_product"]), dice.randrange(1, 5)
            price, discount = product["list_price"], dice.choice([Decimal(0), Decimal("0.50")])
            paid = quantity * price - discount
            total += paid
            lines.append(
                {"order_item_id": len(lines), "order_id": n, "order_date": day, "product_key": product["product_key"],
                 "product_id": product["product_id"], "customer_key": customer, "currency": currency,
                 "is_cancelled": cancelled, "quantity": quantity, "list_amount_incl_tax": quantity * price,
                 "gross_amount_incl_tax": quantity * price, "discount_amount_incl_tax": discount,
                 "revenue_incl_tax": Decimal(0) if cancelled else paid}
            )  # fmt: skip
        orders.append(
            {"order_id": n, "order_date": day, "customer_key": customer, "is_cancelled": cancelled,
             "currency": currency, "revenue_incl_tax": Decimal(0) if cancelled else total,
             "buyer_type": "cancelled" if cancelled else dice.choice(["new", "returning", "unknown"]),
             "attributed_campaign_key": message["campaign_key"] if message else None,
             "attributed_message_id": message["message_id"] if message else None}
        )  # fmt: skip
    return orders, lines


def _bounces(dice: random.Random, messages: Sequence[Row]) -> list[Row]:
    return [
        {"event_id": f"e{n}", "message_id": message["message_id"], "event_type": "bounced",
         "bounce_class": message["bounce_class"], "bounce_code": dice.choice([550, 451, 999, None])}
        for n, message in enumerate(messages)
        if message["is_bounced"]
    ]  # fmt: skip


def _cohorts(messages: Sequence[Row]) -> list[Row]:
    groups = sorted({(message["campaign_key"], message["sent_date"]) for message in messages})
    return [
        {"campaign_key": key, "sent_date": day, "is_mature": day < LAST_DAY - timedelta(days=5),
         "messages_sent": sum((message["campaign_key"], message["sent_date"]) == (key, day) for message in messages)}
        for key, day in groups
    ]  # fmt: skip


def _activity(messages: Sequence[Row]) -> list[Row]:
    days = sorted({(message["campaign_key"], message["sent_date"]) for message in messages})
    return [
        {"campaign_key": key, "activity_date": day, "messages_sent": 3, "messages_opened": 2, "messages_clicked": 1,
         "attributed_orders": 1}
        for key, day in days
    ]  # fmt: skip


def _stock(dice: random.Random, shop: Shop) -> dict[str, list[Row]]:
    inventory: list[Row] = []
    movements: list[Row] = []
    for warehouse in shop["dim_warehouse"]:
        for product in shop["dim_product_current"]:
            keys = {"warehouse_key": warehouse["warehouse_key"], "product_id": product["product_id"]}
            left = dice.randrange(0, 60)
            for number in range(60, -1, -1):
                day = LAST_DAY - timedelta(days=number)
                sold = min(left, dice.choice([0, 0, 1, 3]))
                left -= sold
                inventory.append(
                    keys | {"inventory_date": day, "closing_quantity": left, "currency": "EUR",
                            "stock_value_incl_tax": left * product["list_price"], "is_below_reorder_point": left < 5}
                )  # fmt: skip
                if sold:
                    movements.append(
                        keys
                        | {"movement_id": len(movements), "movement_date": day, "reason": "sale", "quantity": -sold}
                    )
    return {"fct_inventory_daily": inventory, "fct_stock_movements": movements}


def write(folder: Path, tables: Mapping[str, Sequence[Row]], *, publication: Row | None = None) -> Path:
    """Publish marts in the warehouse `folder`, swapped in by rename. A mart that `tables` lacks does not exist."""
    published = folder / "published" / f"{DATABASE}.duckdb"
    published.parent.mkdir(parents=True, exist_ok=True)
    draft = published.with_name("draft")
    draft.unlink(missing_ok=True)
    with duckdb.connect(str(draft)) as connection:
        connection.execute('create schema "MART"')
        connection.execute('use "MART"')
        for name, rows in tables.items():
            columns = described()[name]
            connection.execute(
                f"create table {name} ({', '.join(f'{column} {type_}' for column, type_ in columns.items())})"
            )
            _insert(connection, name, columns, rows, draft.with_name("rows.json"))
        if publication is not None:
            connection.execute(
                "create table _publication (run_id varchar, published_at timestamp, business_time timestamp, "
                "streams bigint, streams_equal bigint, uncounted_streams varchar, failed_streams varchar)"
            )
            connection.execute(
                "insert into _publication values (?, ?, ?, ?, ?, ?, ?)", [publication[name] for name in PUBLICATION]
            )
    draft.replace(published)
    return published


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], rows: Sequence[Row], file: Path
) -> None:
    """Insert the rows through one file, because row by row it takes DuckDB a minute."""
    if not rows:
        return
    names = list(rows[0])
    file.write_text("\n".join(json.dumps(row, default=str) for row in rows), encoding="utf-8")
    types = ", ".join(f"'{name}': '{columns[name]}'" for name in names)
    connection.execute(
        f"insert into {table} ({', '.join(names)}) select {', '.join(names)} "
        f"from read_json('{file}', format = 'newline_delimited', columns = {{{types}}})"
    )
    file.unlink()


def record(run_id: str = "amber-fox", **changes: Any) -> Row:
    """Return the record of a publication with all streams equal."""
    return {
        "run_id": run_id, "published_at": at(LAST_DAY, 13), "business_time": at(LAST_DAY, 12.5), "streams": 9,
        "streams_equal": 9, "uncounted_streams": "", "failed_streams": "",
    } | changes  # fmt: skip
