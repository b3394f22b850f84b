"""DuckDB's types, and its SQL for tables."""

from __future__ import annotations

from ingest.contracts.types import Kind
from orchestration.warehouse.ddl import Dialect

DIALECT = Dialect(
    name="duckdb",
    types={
        Kind.BOOLEAN: "BOOLEAN",
        Kind.INT16: "SMALLINT",
        Kind.INT32: "INTEGER",
        Kind.INT64: "BIGINT",
        Kind.FLOAT32: "FLOAT",
        Kind.FLOAT64: "DOUBLE",
        Kind.DATE: "DATE",
        Kind.TIMESTAMP: "TIMESTAMP",
        Kind.TIMESTAMPTZ: "TIMESTAMP WITH TIME ZONE",
        Kind.TEXT: "VARCHAR",
        Kind.BINARY: "BLOB",
    },
    decimal="DECIMAL({precision},{scale})",
)
