"""RAW in a DuckDB file, filled by hand: what the loader leaves behind, without a lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingest.contracts.registry import ContractRegistry
from orchestration.warehouse.ddl import Table, data_table, keys_table, ledger_table, stream_tables
from orchestration.warehouse.duckdb.warehouse import DIALECT
from orchestration.warehouse.ops.tables import ops_tables

FILE_NAME = "DP_MAILBLAZE_DEMO_DEV_DB.duckdb"
SCHEMA = "RAW"
MART = "MART"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RawDatabase:
    """A DuckDB file with RAW's tables, and the platform's own in MART.

    Each call opens and closes it, since dbt needs it alone.
    """

    path: Path
    contracts: ContractRegistry

    @classmethod
    def create(cls, folder: Path) -> RawDatabase:
        """A new database in `folder` with RAW's tables, all empty."""
        raw = cls(folder / FILE_NAME, ContractRegistry.load())
        with raw.opened() as connection:
            connection.execute(DIALECT.create_schema(SCHEMA))
            connection.execute(DIALECT.create_table(ledger_table(SCHEMA)))
            connection.execute(DIALECT.create_schema(MART))
            for table in ops_tables(MART):
                connection.execute(DIALECT.create_table(table))
            for contract in raw.contracts.values():
                for table in stream_tables(contract, SCHEMA):
                    connection.execute(DIALECT.create_table(table))
        return raw

    @contextmanager
    def opened(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose session is in UTC."""
        with duckdb.connect(str(self.path), read_only=read_only) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection

    def land(self, stream: str, rows: Sequence[Row], at: datetime, *, kind: str = "data") -> int:
        """Append `rows`, read at `at`, as the stream's next version, of kind data, snapshot or backfill."""
        return self._load(stream, data_table(self.contracts[stream], SCHEMA), rows, kind, at)

    def land_keys(self, stream: str, keys: Sequence[Row], at: datetime) -> int:
        """Replace the stream's key set, as its next version."""
        table = keys_table(self.contracts[stream], SCHEMA)
        with self.opened() as connection:
            connection.execute(f"delete from {DIALECT.table(table)}")
        return self._load(stream, table, keys, "keys", at)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.opened(read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Run a statement."""
        with self.opened() as connection:
            connection.execute(sql)

    def _load(self, stream: str, table: Table, rows: Sequence[Row], kind: str, at: datetime) -> int:
        ledger = DIALECT.table(ledger_table(SCHEMA))
        with self.opened() as connection:
            connection.execute("begin")
            [(version,)] = connection.execute(
                f"select coalesce(max(version), 0) + 1 from {ledger} where stream = ?", [stream]
            ).fetchall()
            connection.register("landed", _arrow(table, rows, version, at))
            connection.execute(f"insert into {DIALECT.table(table)} by name select * from landed")
            connection.execute(
                f"insert into {ledger} values (?, ?, ?, ?, 0, 1, 0, ?, 'run', '1.0.0', ?, ?)",
                [stream, version, kind, len(rows), f"batch-{version}", at, at],
            )
            connection.execute("commit")
        return int(version)


def _arrow(table: Table, rows: Sequence[Row], version: int, at: datetime) -> pa.Table:
    schema = pa.schema([(column.name, column.type.arrow) for column in table.columns])
    meta = {"_batch_id": f"batch-{version}", "_log_version": version, "_extracted_at": at}
    wanted = [name for name in schema.names if not name.startswith("_")]
    values = [{name: row[name] for name in wanted} | meta | {"_row_number": n} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(values, schema=schema)
