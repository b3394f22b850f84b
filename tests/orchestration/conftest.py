"""A store on the embedded endpoint, an empty DuckDB warehouse, and a home for the ephemeral Prefect API."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.lake.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.orchestration.lake_builder import LakeBuilder, contract

DATABASE = "DP_MAILBLAZE_DEMO_DEV_DB"


@pytest.fixture
def store(lake_settings: LakeSettings) -> ObjectStore:
    return ObjectStore(lake_settings)


@pytest.fixture
def lake(store: ObjectStore) -> LakeBuilder:
    """The stream `things`, still empty."""
    return LakeBuilder(store, contract())


@pytest.fixture
def warehouse(tmp_path: Path, lake_settings: LakeSettings) -> DuckDBWarehouse:
    return DuckDBWarehouse(tmp_path / "warehouse", DATABASE, lake_settings)


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests of a process: in it, Prefect's ephemeral API keeps to the first database that it was given."""
    return tmp_path_factory.mktemp("prefect")
