"""Tables of Postgres, landed and loaded, compared with RAW value by value."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg2 import sql

from ingest.contracts.author import draft_contract
from ingest.contracts.introspect import live_tables
from ingest.contracts.model import Column, StreamContract
from ingest.contracts.parse import parse_contract
from ingest.contracts.types import Kind
from ingest.run.runner import open_ingestion
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader, load_streams
from tests.ingest.run.world import World

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Passage:
    """The way from a source to RAW, for any tables."""

    world: World
    warehouse: DuckDBWarehouse

    def contracts(self, *tables: str, max_quarantine_ratio: float = 0.0) -> list[StreamContract]:
        """Return the contracts that `ingest contract new` would write."""
        live = live_tables(self.world.connection, tables)
        drafts = [parse_contract(draft_contract(live[table]), origin=table) for table in tables]
        return [
            StreamContract(
                **{
                    **vars(draft),
                    "spec": draft.spec.model_copy(update={"max_quarantine_ratio": max_quarantine_ratio}),
                }
            )
            for draft in drafts
        ]

    def pass_through(self, contracts: Sequence[StreamContract]) -> int:
        """Land and load the streams. Return the number of quarantined rows."""
        with open_ingestion(self.world.settings, contracts, "test", store=self.world.store) as run:
            results = [run.ingest(contract.stream) for contract in contracts]
        with self.warehouse.connect() as session:
            loader = Loader(self.world.store, "RAW", run_id="test")
            outcomes = load_streams(loader, session, contracts, concurrency=2)
        assert [outcome.error for outcome in outcomes] == [None] * len(contracts)
        return sum(result.rows_quarantined for result in results)

    def assert_equal(self, contract: StreamContract, *, where: str = "true") -> int:
        """Check that RAW's newest rows equal the source's. Return the number of compared values that are not null."""
        source, raw = self._source(contract, where), self._raw(contract)
        assert sorted(source) == sorted(raw)
        compared = 0
        for key, row in source.items():
            for column, wanted, found in zip(contract.columns, row, raw[key], strict=True):
                assert wanted == found, f"{contract.source_object}.{column.name} ({column.source_type}) of {key}"
                compared += wanted is not None
        return compared

    def _source(self, contract: StreamContract, where: str) -> dict[str, Row]:
        columns = sql.SQL(", ").join(_as_source_shows(column) for column in contract.columns)
        table = sql.Identifier(*contract.source_object.split(".", 1))
        query = sql.SQL("select {} from {} where {}").format(columns, table, sql.SQL(where))
        self.world.execute("set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'")
        self.world.execute("set lc_monetary = 'C'; set bytea_output = 'hex'; set extra_float_digits = 1")
        return dict(_by_key(contract, self.world.query(query.as_string(self.world.connection))))

    def _raw(self, contract: StreamContract) -> dict[str, Row]:
        columns = ", ".join('"' + column.name.replace('"', '""') + '"' for column in contract.columns)
        with self.warehouse.connect() as session:
            rows = session.query(
                f"select {columns} from raw.{contract.stream} "
                f"where _log_version = (select max(_log_version) from raw.{contract.stream})"
            )
        return dict(_by_key(contract, rows))


def _as_source_shows(column: Column) -> sql.Composable:
    """Return the value itself if RAW has its type; otherwise Postgres' printed text, by its output function."""
    name = sql.Identifier(column.name)
    if column.landing.kind is not Kind.TEXT:
        return name
    return sql.SQL("case when num_nulls({0}) = 0 then concat({0}) end").format(name)


def _by_key(contract: StreamContract, rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """Yield the rows by key; for a stream without a key, by their values and the number of earlier equal rows."""
    names = [column.name for column in contract.columns]
    before: Counter[str] = Counter()
    for row in rows:
        shown = tuple(_plain(value, column) for value, column in zip(row, contract.columns, strict=True))
        key = repr([shown[names.index(name)] for name in contract.key or names])
        if not contract.key:
            before[key] += 1
            key = f"{key} {before[key]}"
        yield key, shown


def _plain(value: Any, column: Column) -> Any:
    """Return a value that equals another only if both are the same to the bit, except for the sign of a zero.

    DuckDB compresses a run of equal numbers to the first of them, and takes -0.0 for equal to 0.0. The lake's files
    keep the sign (`tests/ingest/sources/postgres/test_columns.py`).
    """
    if isinstance(value, memoryview):
        return value.tobytes()
    if isinstance(value, float):
        unsigned_zero = value + 0.0
        return repr(ctypes.c_float(unsigned_zero).value if column.landing.kind is Kind.FLOAT32 else unsigned_zero)
    if isinstance(value, Decimal):
        return str(value)
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value
