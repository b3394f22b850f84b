"""The table that the benchmark reads: a ledger of stock movements, 9 columns, about 115 bytes a row in Postgres."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from time import monotonic

import psycopg2
from psycopg2 import sql

from local.servers.postgres_server import SUPERUSER, PostgresServer, dsn

STREAM = "stock_movements"

_TABLE = """
create table stock_movements (
  movement_id bigint primary key,
  warehouse_id integer not null,
  product_id bigint not null,
  quantity integer not null,
  reason text not null,
  unit_cost numeric(12, 2) not null,
  reference text,
  moved_at timestamptz not null,
  created_at timestamptz not null default now()
)
"""
# Spread over 30 days that ended an hour ago. Values repeat as in a shop, except costs and references.
_FILL = """
insert into stock_movements
select
  n,
  (1 + n % 12)::integer,
  1 + (n * 7919) % 50000,
  (n % 41 - 20)::integer,
  (array['initial', 'restock', 'sale', 'cancellation', 'adjustment'])[1 + n % 5],
  ((n * 1237) % 1000000) / 100.0,
  case when n % 5 <> 0 then 'ORD-2026-' || lpad(((n * 31) % 9999991)::text, 10, '0') end,
  date_trunc('second', now()) - interval '1 hour' - interval '30 days' * (1 - n::float8 / {rows}),
  now() - interval '1 hour' - interval '30 days' * (1 - n::float8 / {rows})
from generate_series(1, {rows}::bigint) as n
"""
_SMALL_TABLE = """
create table {table} (
  id bigint primary key,
  name text not null,
  amount numeric(12, 2) not null,
  active boolean not null,
  noted_at timestamptz not null default now()
);
insert into {table} select n, 'name ' || n, n * 1.25, n % 2 = 0 from generate_series(1, {rows}) as n
"""


class Movements:
    """Databases that each hold one table `stock_movements`. Each is made when it is first requested."""

    def __init__(self, server: PostgresServer, tell: Callable[[str], None]) -> None:
        self._server = server
        self._tell = tell
        self._made: set[int] = set()

    def dsn(self, rows: int) -> str:
        """Return the superuser's DSN of the database whose table has `rows` rows."""
        found = dsn(self._server.port, SUPERUSER, self._server.password, f"movements_{rows}")
        if rows not in self._made:
            started = monotonic()
            create_database(self._server, f"movements_{rows}")
            size = _fill(found, rows)
            self._made.add(rows)
            self._tell(f"    made {rows:,} rows, {size / 1e6:,.0f} MB, in {monotonic() - started:.0f} s")
        return found

    def drop(self, rows: int) -> None:
        """Remove one database again."""
        self._made.remove(rows)
        with closing(psycopg2.connect(self._server.admin_dsn)) as admin:
            admin.autocommit = True
            admin.cursor().execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(f"movements_{rows}")))


def create_database(server: PostgresServer, name: str) -> str:
    """Make an empty database. Return the superuser's DSN."""
    with closing(psycopg2.connect(server.admin_dsn)) as admin:
        admin.autocommit = True
        # A case that failed half-way may have left the database.
        admin.cursor().execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        admin.cursor().execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return dsn(server.port, SUPERUSER, server.password, name)


def make_small_tables(where: str, tables: int, rows: int) -> list[str]:
    """Make `tables` tables of `rows` rows. Return their names with their schema."""
    names = [f"small_{number:03d}" for number in range(tables)]
    with closing(psycopg2.connect(where)) as connection:
        connection.autocommit = True
        for name in names:
            text = sql.SQL(_SMALL_TABLE).format(table=sql.Identifier(name), rows=sql.Literal(rows))
            connection.cursor().execute(text)
    return [f"public.{name}" for name in names]


def _fill(where: str, rows: int) -> int:
    """Create and fill the table. Return its size in bytes, without indexes."""
    with closing(psycopg2.connect(where)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(_TABLE)
        cursor.execute(sql.SQL(_FILL).format(rows=sql.Literal(rows)))
        cursor.execute("create index on stock_movements (created_at)")
        cursor.execute("vacuum (freeze, analyze) stock_movements")
        cursor.execute("checkpoint")
        cursor.execute("select pg_table_size('stock_movements')")
        [(size,)] = cursor.fetchall()
    return int(size)
