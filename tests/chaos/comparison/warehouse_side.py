"""The content of the warehouse: RAW, its ledger, and the staging views as dbt builds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.dbt.runner import DbtProject, DbtRunner
from orchestration.settings import REPOSITORY
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader
from tests.chaos.comparison.lake_side import to_row, to_tombstone
from tests.chaos.comparison.rows import Row, Tombstone, canonical

DATABASE = "DP_MAILBLAZE_DEMO_DEV_DB"

STAGING_NAMES = {
    "orders": {"status": "order_status", "total_amount": "order_total"},
    "products": {"name": "product_name", "price": "list_price"},
    "warehouses": {"code": "warehouse_code", "name": "warehouse_name"},
}
"""What staging calls a contract's column where it calls it otherwise."""


@dataclass
class RawSide:
    """One stream in RAW: every landed row and tombstone, and its versions in the ledger with their batches."""

    rows: list[Row] = field(default_factory=list)
    tombstones: list[Tombstone] = field(default_factory=list)
    ledger: list[tuple[int, str, str]] = field(default_factory=list)


def database_file(directory: Path) -> Path:
    """Return the file that loaders write in `directory`."""
    return directory / f"{DATABASE}.duckdb"


@contextmanager
def opened(directory: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield the warehouse in `directory`, read-only, in UTC."""
    with duckdb.connect(str(database_file(directory)), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def read_raw(connection: duckdb.DuckDBPyConnection, contract: StreamContract) -> RawSide:
    """Read one stream of RAW completely; empty if it was never loaded."""
    side = RawSide()
    if _exists(connection, "RAW", contract.stream):
        side.rows = [to_row(contract, values) for values in _rows(connection, f'RAW."{contract.stream}"')]
    if contract.lands_keys and _exists(connection, "RAW", f"{contract.stream}__deletes"):
        listed = _rows(connection, f'RAW."{contract.stream}__deletes"')
        side.tombstones = [to_tombstone(contract, values) for values in listed]
    if _exists(connection, "RAW", "_loads"):
        side.ledger = connection.execute(
            "select version, kind, batch_id from RAW._loads where stream = ? order by version", [contract.stream]
        ).fetchall()
    return side


def read_staging(connection: duckdb.DuckDBPyConnection, contract: StreamContract) -> list[dict[str, str]]:
    """Return the staging view's rows, under the contract's names. A column that the view lacks raises KeyError."""
    names = {
        column.name: STAGING_NAMES.get(contract.stream, {}).get(column.name, column.name) for column in contract.columns
    }
    listed = _rows(connection, f'STAGING."stg_{contract.stream}"')
    return [{ours: canonical(values[theirs]) for ours, theirs in names.items()} for values in listed]


def build_staging(directory: Path, contracts: Sequence[StreamContract], *, scratch: Path) -> None:
    """Make the staging views of `contracts` in the warehouse from the SQL that dbt compiles. Raises DbtFailure.

    dbt builds all of them once, over empty tables in `scratch`. Every warehouse has the same name inside, so that the
    SQL holds in this one too; to start dbt for each judgement would take longer than most campaigns' tests.
    """
    compiled = scratch / "run" / "target" / "compiled"
    scratch.mkdir(parents=True, exist_ok=True)
    with FileLock(scratch / "lock"):
        if not (scratch / "built").exists():
            _run_dbt(scratch, [contract for contract in ContractRegistry.load().values() if has_staging(contract)])
            (scratch / "built").touch()
    with duckdb.connect(str(database_file(directory))) as connection:
        connection.execute("create schema if not exists STAGING")
        for contract in contracts:
            [path] = compiled.glob(f"*/models/staging/stg_{contract.stream}.sql")
            connection.execute(f"create or replace view STAGING.stg_{contract.stream} as {path.read_text('utf-8')}")


def _run_dbt(scratch: Path, contracts: Sequence[StreamContract]) -> None:
    lake = LakeSettings()
    with DuckDBWarehouse(scratch, DATABASE, lake).connect() as session:
        Loader(ObjectStore(lake), "RAW", run_id="judge").prepare(session, contracts)
    project = DbtProject(
        project_dir=REPOSITORY / "dbt",
        profiles_dir=REPOSITORY / "dbt",
        target="duckdb",
        threads=2,
        environment={"DUCKDB_PATH": str(database_file(scratch)), "ENVIRONMENT": "dev"},
        partial_parse=scratch / "partial_parse.msgpack",
    )
    models = [f"stg_{contract.stream}" for contract in contracts]
    DbtRunner(project, scratch / "run").build(select=models, exclude=["resource_type:test", "resource_type:unit_test"])


def has_staging(contract: StreamContract) -> bool:
    """Return whether dbt has a staging model of this stream. Streams of a test's own tables have none."""
    return (REPOSITORY / "dbt" / "models" / "staging" / f"stg_{contract.stream}.sql").exists()


def _exists(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    found = connection.execute(
        "select count(*) from duckdb_tables() where lower(schema_name) = lower(?) and lower(table_name) = lower(?)",
        [schema, table],
    ).fetchone()
    return found is not None and found[0] > 0


def _rows(connection: duckdb.DuckDBPyConnection, relation: str) -> Iterator[dict[str, Any]]:
    """Yield rows through Arrow, because DuckDB's conversion of a TIMESTAMPTZ needs a library that is not installed."""
    reader = connection.execute(f"select * from {relation}").to_arrow_reader(50_000)
    for batch in reader:
        yield from batch.to_pylist()
