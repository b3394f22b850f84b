"""A store on the embedded endpoint, an empty DuckDB warehouse, and a home for the ephemeral Prefect API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest.lake.store import ObjectStore
from ingest.settings import LakeSettings
from local.processes import ProcessGroup
from orchestration.dbt import runner
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.dbt.running.warm import warm_dbt
from tests.orchestration.lake_builder import LakeBuilder, contract

if TYPE_CHECKING:
    from tests.orchestration.prefect.conftest import Server

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


@pytest.fixture
def warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow of this process runs a dbt that is imported already; what it starts as a command runs dbt's own."""
    monkeypatch.setattr(runner, "executable", lambda: warm_dbt("duckdb").executable)


@pytest.fixture(scope="session")
def server(processes: ProcessGroup, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """One for all tests of a worker: a start takes seconds of a core."""
    from tests.orchestration.prefect.conftest import free_port, start_server  # and so does the import

    return start_server(processes, tmp_path_factory.mktemp("prefect_server"), free_port())


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests of a process: in it, Prefect's ephemeral API keeps to the first database that it was given."""
    return tmp_path_factory.mktemp("prefect")
