"""Events in the shop: each function is one transaction, or none if nothing fits."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.dbt.world.shop import Key, Record, Shop

CENT = Decimal("0.01")


def add_product(shop: Shop) -> None:
    """Add a product, with stock in every warehouse."""
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
    """Receive goods. Now and then the clerk records them days later."""
    shop.move(pair, quantity, "restock", None, shop.now - timedelta(days=shop.rng.choice((0, 0, 1, 6))))


def change_price(shop: Shop) -> None:
    """Change the price of a product whose last price has landed, because a run sees only the last of several
    changes.
    """
    key = shop.draw("products", lambda row: shop.priced_in[row["product_id"]] < shop.round - 1)
    if key:
        shop.tick()
        shop.change("products", key, price=shop.rows("products")[key]["price"] + shop.rng.randint(1, 5))
        shop.priced_in[key[0]] = shop.round


def delete_product(shop: Shop) -> None:
    """Delete a product that nobody ever ordered, with its levels."""
    moved = {row["product_id"] for row in shop.rows("stock_movements").values()}
    key = shop.draw("products", lambda row: row["product_id"] not in moved)
    if key:
        shop.tick()
        row = shop.rows("products").pop(key)
        if row["updated_at"] < shop.watermark("products"):
            shop.withdrawn.append(row)
        for pair in [pair for pair in shop.rows("stock_levels") if pair[1] == key[0]]:
            del shop.rows("stock_levels")[pair]


def restore_product(shop: Shop) -> None:
    """Restore a deleted product from a copy, with its own times, so that its landed version is valid again."""
    if shop.withdrawn:
        shop.tick()
        row = shop.withdrawn.pop(0)
        shop.rows("products")[row["product_id"],] = row


def correct_movement(shop: Shop) -> None:
    """A restocking is written down again: as another warehouse's or product's, now and then of the day before."""
    key = shop.draw("stock_movements", lambda row: row["reason"] == "restock")
    if key:
        shop.tick()
        row = shop.rows("stock_movements")[key]
        pairs = (row["warehouse_id"], row["product_id"]), shop.rng.choice(sorted(shop.rows("stock_levels")))
        for pair, units in zip(pairs, (-row["quantity"], row["quantity"]), strict=True):
            if level := shop.rows("stock_levels").get(pair):
                shop.change("stock_levels", pair, on_hand=level["on_hand"] + units)
        moved_at = row["moved_at"] - timedelta(days=shop.rng.choice((0, 1)))
        shop.rows("stock_movements")[key] = row | {
            "warehouse_id": pairs[1][0], "product_id": pairs[1][1], "moved_at": moved_at, "created_at": shop.now
        }  # fmt: skip


def add_customer(shop: Shop) -> None:
    """Sign up a customer."""
    shop.tick()
    number = shop.next_id("customers")
    values = {"customer_id": number, "email": f"Shopper{number:05d}@mail.example", "full_name": f"Shopper {number}"}
    shop.put(
        "customers",
        (number,),
        values | {"country": "IT", "marketing_consent": shop.rng.random() < 0.7, "signed_up_at": shop.now},
    )


def touch_customer(shop: Shop) -> None:
    """Change a customer's consent."""
    key = shop.draw("customers")
    if key:
        shop.tick()
        shop.change("customers", key, marketing_consent=not shop.rows("customers")[key]["marketing_consent"])


def change_address(shop: Shop) -> None:
    """Change a customer's address: to a new one, a former one of another customer, or another's with different case."""
    key = shop.draw("customers")
    if key:
        shop.tick()
        now = {row["email"] for row in shop.rows("customers").values()}
        choices = [f"Shopper{key[0]:05d}.{shop.now:%d%H%M%S}@mail.example", *sorted(shop.left_addresses - now)]
        choices += sorted(address.swapcase() for address in now if address.swapcase() not in now)
        shop.left_addresses.add(shop.rows("customers")[key]["email"])
        shop.change("customers", key, email=shop.rng.choice(choices))


def erase_customer(shop: Shop) -> None:
    """Erase a customer with orders. The orders stay, without the customer."""
    buyers = {order["customer_id"] for order in shop.rows("orders").values()}
    key = shop.draw("customers", lambda row: row["customer_id"] in buyers)
    if key:
        shop.tick()
        del shop.rows("customers")[key]
        for order_key, order in list(shop.rows("orders").items()):
            if order["customer_id"] == key[0]:
                shop.change("orders", order_key, customer_id=None)


def place_order(shop: Shop) -> None:
    """Place an order of up to three lines at today's prices, in one transaction. Missing stock is added."""
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
    """Add a line and its sale. Return the line's total."""
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
    """Return the total as the shop's check constraint computes it."""
    return (quantity * price * (1 - discount)).quantize(CENT, ROUND_HALF_UP)


def advance_order(shop: Shop) -> None:
    """Ship or deliver an order."""
    key = shop.draw("orders", lambda row: row["status"] in ("placed", "shipped"))
    if key:
        shop.tick()
        status = "shipped" if shop.rows("orders")[key]["status"] == "placed" else "delivered"
        shop.change("orders", key, status=status)


def cancel_order(shop: Shop) -> None:
    """Cancel an order and return its goods to the shelves."""
    key = shop.draw("orders", lambda row: row["status"] == "placed")
    if key:
        shop.tick()
        shop.change("orders", key, status="cancelled")
        take_back(shop, lines_of(shop, key[0]))


def delete_order(shop: Shop) -> None:
    """Delete an order with its lines."""
    key = shop.draw("orders", lambda row: row["status"] == "placed")
    if key:
        shop.tick()
        lines = lines_of(shop, key[0])
        take_back(shop, lines)
        del shop.rows("orders")[key]
        for line in lines:
            del shop.rows("order_items")[(line["order_item_id"],)]


def change_discount(shop: Shop) -> None:
    """Raise a line's discount, which lowers its order's total."""
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
    """Delete a line of an order."""
    key = shop.draw("order_items", lambda row: shop.rows("orders")[(row["order_id"],)]["status"] == "placed")
    if key:
        shop.tick()
        line = shop.rows("order_items").pop(key)
        shop.graveyard.append(line)
        take_back(shop, [line])
        retotal(shop, line["order_id"])


def restore_line(shop: Shop, line: Record) -> None:
    """Restore a deleted line with its old key."""
    if (line["order_id"],) in shop.rows("orders"):
        shop.tick()
        shop.put("order_items", (line["order_item_id"],), line)
        retotal(shop, line["order_id"])


def retotal(shop: Shop, order_id: int) -> None:
    """Compute the order's total again from its lines."""
    total = sum((line["line_total"] for line in lines_of(shop, order_id)), Decimal())
    shop.change("orders", (order_id,), total_amount=total)


def lines_of(shop: Shop, order_id: int) -> list[Record]:
    """Return the order's lines."""
    return [line for line in shop.rows("order_items").values() if line["order_id"] == order_id]


def take_back(shop: Shop, lines: list[Record]) -> None:
    """Return the goods of these lines to the shelves."""
    for line in lines:
        pair = (line["warehouse_id"], line["product_id"])
        shop.move(pair, line["quantity"], "cancellation", line["order_id"], shop.now)
