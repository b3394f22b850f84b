"""RAW in a DuckDB file, filled by hand as the loader would fill it, without a lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from orchestration.warehouse.ddl import Table, data_table, deletes_table, ledger_table, stream_tables
from orchestration.warehouse.duckdb.dialect import DIALECT
from orchestration.warehouse.ops.tables import ops_tables

FILE_NAME = "DP_MAILBLAZE_DEMO_DEV_DB.duckdb"
SCHEMA = "RAW"
MART = "MART"

Row = Mapping[str, Any]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class RawDatabase:
    """A DuckDB file with RAW's tables, and the platform's own tables in MART.

    Each call opens and closes it, because dbt needs it exclusively.
    """

    path: Path
    contracts: ContractRegistry

    @classmethod
    def create(cls, folder: Path) -> RawDatabase:
        """Return a new database in `folder` with RAW's tables, all empty."""
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
        """Yield a connection whose session is in UTC."""
        with duckdb.connect(str(self.path), read_only=read_only) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection

    def land(self, stream: str, rows: Sequence[Row], at: datetime, *, kind: str = "data") -> int:
        """Append `rows`, read at `at`, as the stream's next version, of kind data, snapshot or backfill.

        Return the version.
        """
        return self._load(stream, data_table(self.contracts[stream], SCHEMA), rows, kind, at)

    def land_keys(self, stream: str, keys: Sequence[Row], at: datetime) -> int:
        """Land the result of a keys pass: rows that are back, then tombstones of deleted keys. Return the version."""
        contract = self.contracts[stream]
        newest, living = self._newest_and_living(contract)
        present = {_key(contract, row) for row in keys}
        came_back, left = present - living, living - present
        if back := [newest[key] for key in newest if key in came_back]:
            self.land(stream, back, at, kind="backfill")
        gone = [newest[key] for key in newest if key in left]
        return self._load(stream, deletes_table(contract, SCHEMA), gone, "deletes", at)

    def present(self, stream: str) -> set[Key]:
        """Return the keys that live in RAW."""
        _, living = self._newest_and_living(self.contracts[stream])
        return living

    def _newest_and_living(self, contract: StreamContract) -> tuple[dict[Key, dict[str, Any]], set[Key]]:
        """Return the newest version of each row ever landed, by key, and the keys that live."""
        landed, tombstones = self._records(data_table(contract, SCHEMA), deletes_table(contract, SCHEMA))
        newest = {_key(contract, row): row for row in landed}
        deleted = {_key(contract, row): row["_log_version"] for row in tombstones}
        return newest, {key for key, row in newest.items() if row["_log_version"] > deleted.get(key, 0)}

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """Return every landed version of every row, in the order of landing."""
        [landed] = self._records(data_table(self.contracts[stream], SCHEMA))
        return landed

    def _records(self, *tables: Table) -> list[list[dict[str, Any]]]:
        """Return the rows of each table in the order of landing. The file is opened once."""
        with self.opened(read_only=True) as connection:
            return [
                connection.execute(f"select * from {DIALECT.table(table)} order by _log_version, _row_number")
                .to_arrow_table()
                .to_pylist()
                for table in tables
            ]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self.opened(read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def queries(self, statements: Mapping[str, str]) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows of each of these queries, by its name. The file is opened once."""
        with self.opened(read_only=True) as connection:
            return {name: connection.execute(sql).fetchall() for name, sql in statements.items()}

    def execute(self, sql: str) -> None:
        """Run a statement, or several that end with semicolons."""
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


def _key(contract: StreamContract, row: Row) -> Key:
    return tuple(row[name] for name in contract.key)


def _arrow(table: Table, rows: Sequence[Row], version: int, at: datetime) -> pa.Table:
    schema = pa.schema([(column.name, column.type.arrow) for column in table.columns])
    meta = {"_batch_id": f"batch-{version}", "_log_version": version, "_extracted_at": at}
    wanted = [name for name in schema.names if not name.startswith("_")]
    values = [{name: row[name] for name in wanted} | meta | {"_row_number": n} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(values, schema=schema)
