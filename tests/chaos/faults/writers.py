"""Clients of the shop that hold transactions open. Only chance decides what they do, and when."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from tests.chaos.line import Line


class Ending(StrEnum):
    """How a transaction ends."""

    COMMIT = "commit"
    ROLLBACK = "rollback"
    COMMIT_PREPARED = "commit prepared"
    ROLLBACK_PREPARED = "rollback prepared"

    @property
    def prepared(self) -> bool:
        """Whether the transaction is prepared first."""
        return self in (Ending.COMMIT_PREPARED, Ending.ROLLBACK_PREPARED)

    @property
    def commits(self) -> bool:
        """Whether the transaction's rows are committed in the end."""
        return self in (Ending.COMMIT, Ending.COMMIT_PREPARED)


_ENDINGS = [Ending.COMMIT] * 12 + [Ending.ROLLBACK] * 3 + [Ending.COMMIT_PREPARED] * 3 + [Ending.ROLLBACK_PREPARED] * 2


@dataclass
class Traffic:
    """The changes of all clients together. They committed `customers`.

    `held` customers are locked by an open transaction. No other client touches these, because one thread plays all
    clients and would wait for itself.
    """

    line: Line
    chance: random.Random
    customers: list[int] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    transactions: int = 0

    def free_customer(self) -> int | None:
        """Return a customer that no open transaction holds."""
        free = [number for number in self.customers if number not in self.held]
        return self.chance.choice(free) if free else None

    def open_client(self, ending: Ending | None = None) -> Client:
        """Return a new client whose transaction has not begun."""
        self.transactions += 1
        connection = psycopg2.connect(self.line.shop.owner_dsn)
        return Client(self, connection, self.transactions, ending or self.chance.choice(_ENDINGS))

    def quick(self) -> None:
        """Run a transaction that begins, writes and commits at once."""
        client = self.open_client(Ending.COMMIT)
        client.write()
        client.end()


@dataclass
class Client:
    """One client, and its one transaction."""

    traffic: Traffic
    connection: Connection
    number: int
    ending: Ending
    _inserted: list[int] = field(default_factory=list)
    _touched: set[int] = field(default_factory=set)
    _deleted: set[int] = field(default_factory=set)

    @property
    def gid(self) -> str:
        """The name of its prepared transaction.

        Names are unique in the whole cluster, so it contains the database's.
        """
        return f"{self.connection.info.dbname}/{self.number}"

    def begin(self) -> None:
        """Begin the transaction, which takes a timestamp, without writing."""
        self.connection.cursor().execute("select now()")

    def write(self) -> None:
        """Insert, change or delete a row."""
        with self.connection.cursor() as cursor:
            _write = self.traffic.chance.choice(_WRITES)
            _write(self, cursor)

    def prepare(self) -> None:
        """Run PREPARE TRANSACTION, after which no session holds it."""
        with self.connection.cursor() as cursor:
            cursor.execute("prepare transaction %s", (self.gid,))
        self.connection.commit()

    def end(self) -> None:
        """End the transaction as planned, and disconnect."""
        with closing(self.connection):
            if self.ending.prepared:
                verb = "commit" if self.ending.commits else "rollback"
                self.connection.autocommit = True
                self.connection.cursor().execute(f"{verb} prepared %s", (self.gid,))
            elif self.ending.commits:
                self.connection.commit()
            else:
                self.connection.rollback()
        self.traffic.held -= self._touched
        if self.ending.commits:
            known = [*self.traffic.customers, *self._inserted]
            self.traffic.customers = [number for number in known if number not in self._deleted]

    def hold(self, customer: int) -> None:
        """Reserve this customer until the end."""
        self._touched.add(customer)
        self.traffic.held.add(customer)


def _sign_up(client: Client, cursor: Cursor) -> None:
    cursor.execute(
        "insert into customers (email, full_name, country, marketing_consent, signed_up_at)"
        " values (gen_random_uuid() || '@example.com', 'New', 'NL', true, '2026-06-01') returning customer_id"
    )
    client._inserted += [number for (number,) in cursor.fetchall()]


def _rename(client: Client, cursor: Cursor) -> None:
    customer = client.traffic.free_customer()
    if customer is None:
        return _sign_up(client, cursor)
    client.hold(customer)
    cursor.execute("update customers set full_name = full_name || '.' where customer_id = %s", (customer,))
    return None


def _erase(client: Client, cursor: Cursor) -> None:
    customer = client.traffic.free_customer()
    if customer is None:
        return _sign_up(client, cursor)
    client.hold(customer)
    client._deleted.add(customer)
    cursor.execute("delete from customers where customer_id = %s", (customer,))
    return None


def _move_stock(client: Client, cursor: Cursor) -> None:
    cursor.execute(
        "insert into stock_movements (warehouse_id, product_id, quantity, reason, moved_at) select 1, product_id, 1,"
        " 'adjustment', '2026-06-01' from products where product_id = %s",
        (client.traffic.chance.randint(1, 10),),
    )


@contextmanager
def no_prepared_left(session: Connection) -> Iterator[None]:
    """Roll back all prepared transactions of this database at the end of the block."""
    try:
        yield
    finally:
        with session.cursor() as cursor:
            cursor.execute("select gid from pg_prepared_xacts where database = current_database()")
            for (gid,) in cursor.fetchall():
                cursor.execute("rollback prepared %s", (gid,))


_WRITES: list[Callable[[Client, Cursor], None]] = [*[_sign_up] * 3, *[_rename] * 3, *[_move_stock] * 3, _erase]
