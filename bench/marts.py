"""A published file with MART of a long history, written by SQL (marts.sql), with the columns that dbt describes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import yaml

from bench.history import FILE_NAME
from local.settings import REPOSITORY
from orchestration.warehouse.duckdb.dialect import DIALECT
from orchestration.warehouse.publication import publication_table

_SQL = Path(__file__).with_suffix(".sql")
_MODELS = REPOSITORY / "dbt" / "models" / "marts"


def write_marts(warehouse: Path, events: int) -> None:
    """Publish marts of `events` e-mail events in the warehouse's folder."""
    file = warehouse / "published" / FILE_NAME
    file.parent.mkdir(parents=True)
    with duckdb.connect(str(file)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(DIALECT.create_schema("MART"))
        connection.execute(DIALECT.create_table(publication_table("MART")))
        connection.execute('use "MART"')
        for name, columns in _described():
            connection.execute(f"create table {name} ({', '.join(columns)})")
        connection.execute(f"set variable events = {events}::bigint")
        connection.execute(f"set variable now = timestamp '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}'")
        connection.execute(_SQL.read_text(encoding="utf-8"))
        connection.execute("checkpoint")


def _described() -> Iterator[tuple[str, list[str]]]:
    """Yield each mart and each table of the platform's own data, with its columns and their types."""
    for path in sorted(_MODELS.rglob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        written = [table for source in document.get("sources", []) for table in source["tables"]]
        for table in [*document.get("models", []), *written]:
            yield table["name"], [f"{column['name']} {column['data_type']}" for column in table["columns"]]
