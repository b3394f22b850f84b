"""A load of one stream into DuckDB, and what RAW and its ledger hold after it."""

from __future__ import annotations

from ingest.contracts.model import StreamContract
from ingest.lake import layout
from ingest.lake.commit import Commit
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader, LoadResult, load_streams
from orchestration.warehouse.protocol import Row
from tests.orchestration.lake_builder import LakeBuilder


def load(warehouse: DuckDBWarehouse, lake: LakeBuilder, of: StreamContract | None = None) -> LoadResult:
    """Load one stream. Raises the load's error."""
    with warehouse.connect() as session:
        loader = Loader(lake.store, "RAW", run_id="test", wait_budget_seconds=0)
        [outcome] = load_streams(loader, session, [of or lake.contract], concurrency=1)
    if outcome.error:
        raise outcome.error
    assert outcome.result is not None
    return outcome.result


def rows(warehouse: DuckDBWarehouse, sql: str) -> list[Row]:
    with warehouse.connect() as session:
        return session.query(sql)


def raw_ids(warehouse: DuckDBWarehouse) -> list[object]:
    return [row[0] for row in rows(warehouse, "select id from raw.things order by id, _log_version, _row_number")]


def ledger(warehouse: DuckDBWarehouse) -> list[Row]:
    return rows(warehouse, "select version, kind, rows from raw._loads order by version")


def rewrite(lake: LakeBuilder, commit: Commit) -> None:
    """Replace the commit of this version, which no real writer does."""
    lake.store.put(layout.commit_key(commit.stream, commit.version), commit.encode())
