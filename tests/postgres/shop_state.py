"""The content of a shop: consistency rules between its rows, and fingerprints of them."""

from __future__ import annotations

from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

KEYS = {
    "products": ("product_id",),
    "warehouses": ("warehouse_id",),
    "stock_levels": ("warehouse_id", "product_id"),
    "stock_movements": ("movement_id",),
    "customers": ("customer_id",),
    "orders": ("order_id",),
    "order_items": ("order_item_id",),
}

# Each query finds the rows that break a rule of the shop.
RULES = {
    "stock levels are the sum of their movements": """
        select warehouse_id, product_id, on_hand, moved
        from stock_levels
        full join (
            select warehouse_id, product_id, sum(quantity) as moved from stock_movements group by 1, 2
        ) as sums using (warehouse_id, product_id)
        where on_hand is distinct from coalesce(moved, 0)
    """,
    "an order's total is the sum of its lines, of which it has at least one": """
        select order_id, total_amount, lines
        from orders
        left join (select order_id, sum(line_total) as lines from order_items group by 1) as sums using (order_id)
        where total_amount is distinct from lines
    """,
    "every line has moved its stock out, and nothing else has been sold": """
        select * from
            (select order_id, warehouse_id, product_id, quantity from order_items) as items
            full join
            (select order_id, warehouse_id, product_id, -sum(quantity) as quantity from stock_movements
             where reason = 'sale' group by 1, 2, 3) as sold
            using (order_id, warehouse_id, product_id, quantity)
        where items is null or sold is null
    """,
    "cancelled orders have moved their stock back, and only they": """
        select order_id, status, sum(quantity), count(*) filter (where reason = 'cancellation')
        from orders join stock_movements using (order_id)
        group by 1, 2
        having (status = 'cancelled' and sum(quantity) <> 0)
            or (status <> 'cancelled' and count(*) filter (where reason = 'cancellation') > 0)
    """,
    "stock moves when or after the order was placed, and never runs below zero": """
        select movement_id from (
            select movement_id, moved_at, order_id,
                   sum(quantity) over (partition by warehouse_id, product_id order by movement_id) as balance
            from stock_movements
        ) as balances
        left join orders using (order_id)
        where balance < 0 or moved_at < placed_at
    """,
    "numbers are in the names": """
        select 'product', product_id::text, sku from products
        where sku <> 'SKU-' || lpad(product_id::text, greatest(5, length(product_id::text)), '0')
        union all
        select 'customer', customer_id::text, email from customers
        where email <> 'shopper' || lpad(customer_id::text, greatest(5, length(customer_id::text)), '0')
                       || '@mail.example'
    """,
    "nobody orders before signing up": """
        select order_id from orders join customers using (customer_id) where placed_at < signed_up_at
    """,
    "what was never launched has no stock and is not reordered": """
        select warehouse_id, product_id from stock_levels
        where (reorder_point > 0) <> exists (
            select from stock_movements as m
            where (m.warehouse_id, m.product_id) = (stock_levels.warehouse_id, stock_levels.product_id)
        )
    """,
    "every product has a level in every warehouse": """
        select warehouse_id, product_id from warehouses cross join products
        except select warehouse_id, product_id from stock_levels
    """,
}


def violations(connection: Connection) -> dict[str, list[Any]]:
    """Return the first rows that break each rule; empty if the shop is consistent."""
    found = {rule: query(connection, f"{statement} limit 5") for rule, statement in RULES.items()}
    return {rule: rows for rule, rows in found.items() if rows}


def fingerprint(connection: Connection, *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Return a hash of each table's rows, in the order of their keys, without columns of these names."""
    return {table: _table_fingerprint(connection, table, without) for table in KEYS}


def sequences(connection: Connection) -> list[Any]:
    """Return the position of every identity column."""
    return query(connection, "select sequencename, last_value from pg_sequences order by 1")


def query(connection: Connection, statement: str, arguments: tuple[object, ...] | None = None) -> list[Any]:
    """Return all rows of a statement, in a transaction of its own."""
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall()


def one(connection: Connection, statement: str, arguments: tuple[object, ...] | None = None) -> Any:
    """Return the one value of a statement."""
    ((value,),) = query(connection, statement, arguments)
    return value


def execute(connection: Connection, statement: str, arguments: tuple[object, ...] | None = None) -> None:
    """Run a statement in a transaction of its own."""
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, arguments)


def _table_fingerprint(connection: Connection, table: str, without: tuple[str, ...]) -> str:
    statement = sql.SQL(
        "select coalesce(md5(string_agg((to_jsonb(t) - %s::text[])::text, E'\\n' order by {keys})), '') from {table} t"
    ).format(keys=sql.SQL(", ").join(map(sql.Identifier, KEYS[table])), table=sql.Identifier(table))
    with connection, connection.cursor() as cursor:
        cursor.execute("set local timezone = 'UTC'")
        cursor.execute(statement, (list(without),))
        ((digest,),) = cursor.fetchall()
    return str(digest)
