"""RAW in a DuckDB file with a long history, written by SQL (history.sql), as years of loading would leave it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingest.contracts.registry import ContractRegistry
from orchestration.warehouse.ddl import ledger_table, stream_tables
from orchestration.warehouse.duckdb.dialect import DIALECT

FILE_NAME = "DP_MAILBLAZE_DEMO_DEV_DB.duckdb"
_SQL = Path(__file__).with_suffix(".sql")
_VERSIONS = 100
"""Versions that the history was landed in; what is new is the next one but one."""
_CUSTOMERS, _PRODUCTS, _WAREHOUSES = 50_000, 500, 3
_EVENTS_A_CAMPAIGN = 20_000
_EVENTS_AN_ORDER = 100


class History:
    """A database with `events` events and the rows that belong to them. Each call opens and closes it."""

    def __init__(self, folder: Path, events: int) -> None:
        self.path = folder / FILE_NAME
        self._events = events

    def write(self) -> None:
        """Write the history to a fresh file."""
        with self._writer(version=None) as writer:
            writer.create_tables()
            writer.land("customers", "customers", 0, _CUSTOMERS)
            writer.land("campaigns", "campaigns", 0, self._events * 2 // _EVENTS_A_CAMPAIGN + 1)
            writer.land("warehouses", "warehouses", 0, _WAREHOUSES, kind="snapshot")
            writer.land("products", "products", 0, _PRODUCTS)
            writer.land("stock_movements", "initial_stock", 0, _PRODUCTS)
            writer.land_activity(0, self._events, deletes_version=_VERSIONS + 1)

    def add(self, share: float) -> None:
        """Append one version with new events, orders and movements, whose number is `share` of the existing ones."""
        with self._writer(version=_VERSIONS + 2) as writer:
            last = self._events + int(self._events * share)
            writer.land_activity(self._events, last, deletes_version=_VERSIONS + 3)

    @contextmanager
    def _writer(self, *, version: int | None) -> Iterator[_Writer]:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("set preserve_insertion_order = false")
            variables = {"events": self._events, "step": max(self._events // _VERSIONS, 1), "version": version}
            for name, value in variables.items():
                connection.execute(f"set variable {name} = {'null' if value is None else value}::bigint")
            connection.execute(_SQL.read_text())
            yield _Writer(connection, latest=version or _VERSIONS)
            connection.execute("checkpoint")


class _Writer:
    def __init__(self, connection: duckdb.DuckDBPyConnection, *, latest: int) -> None:
        self._connection = connection
        self._latest = latest
        self._contracts = list(ContractRegistry.load().values())

    def create_tables(self) -> None:
        self._connection.execute(DIALECT.create_schema("RAW"))
        for table in (ledger_table("RAW"), *(t for c in self._contracts for t in stream_tables(c, "RAW"))):
            self._connection.execute(DIALECT.create_table(table))

    def land_activity(self, first: int, last: int, *, deletes_version: int) -> None:
        """Append events `first` to `last` and the orders placed meanwhile, then keys passes that find no deletion."""
        self.land("email_events", "email_events", first, last)
        for stream in ("orders", "order_items", "stock_movements"):
            self.land(stream, stream, first // _EVENTS_AN_ORDER, last // _EVENTS_AN_ORDER)
        levels = (
            "select warehouse_id, product_id, sum(quantity), 10, min(created_at), max(created_at), "  # noqa: S608
            f"{self._latest} as v, product_id as r from RAW.stock_movements group by warehouse_id, product_id"
        )
        self._land_rows("stock_levels", levels, stream="stock_levels", kind="data")
        for contract in self._contracts:
            if contract.lands_keys:
                self._connection.execute(
                    "insert into RAW._loads "
                    "values (?, ?, 'deletes', 0, 0, 0, 0, ?, 'run', '1.0.0', landed(), landed())",
                    [contract.stream, deletes_version, f"batch-{deletes_version}"],
                )

    def land(self, stream: str, macro: str, first: int, last: int, *, kind: str = "data") -> None:
        """Append the rows that a macro of history.sql makes."""
        self._land_rows(stream, f"from {macro}({first}, {last})", stream=stream, kind=kind)

    def _land_rows(self, table: str, rows: str, *, stream: str, kind: str) -> None:
        """Append rows that end with their version and row number, and record the versions in the ledger."""
        self._connection.execute(f"create temp table landing as {rows}")
        self._connection.execute(
            f"insert into RAW.{table} select * exclude (v, r), 'batch-' || v, v, r, landed() from landing"  # noqa: S608
        )
        self._connection.execute(
            "insert or ignore into RAW._loads select ?, v, ?, count(*), 0, 1, 0, 'batch-' || v, 'run', '1.0.0', "
            "landed(), landed() from landing group by v",
            [stream, kind],
        )
        self._connection.execute("drop table landing")
