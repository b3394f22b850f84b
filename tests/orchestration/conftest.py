"""A store on the embedded endpoint, an empty DuckDB warehouse, and a home for the ephemeral Prefect API."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from filelock import FileLock

from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from local.environment import clean_environment
from local.processes import ProcessGroup
from orchestration.dbt import runner
from orchestration.dbt.ahead import RunDbt
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.dbt.running.warm import warm_dbt
from tests.orchestration.lake_builder import LakeBuilder, contract

if TYPE_CHECKING:
    from tests.orchestration.prefect.conftest import Server

DATABASE = "DP_MAILBLAZE_DEMO_DEV_DB"
as_shipped = duckdb.connect
"""Of a database that loads signed extensions alone."""


@pytest.fixture(scope="session", autouse=True)
def _signatures_are_taken_on_trust() -> Iterator[None]:
    """Skip DuckDB's check of an extension's signature, for which it reads 21 MB for each database that loads it.

    That is 50 ms of a core, hundreds of times. The programs that tests start check it, and so does `as_shipped`.
    """

    def connect(*arguments: Any, config: dict[str, Any] | None = None, **options: Any) -> duckdb.DuckDBPyConnection:
        return as_shipped(*arguments, config={"allow_unsigned_extensions": True, **(config or {})}, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb, "connect", connect)
        yield


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
    """Make the flow in this process use a warm dbt. Commands in other processes run dbt's own executable."""
    monkeypatch.setattr(runner, "executable", lambda: warm_dbt("duckdb").executable)
    for begun_ahead in ("start_unparsed", "start"):
        monkeypatch.setattr(RunDbt, begun_ahead, lambda self: None)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of Prefect with its tables, made once for all workers, because its migrations take seconds of
    a core.
    """
    own = tmp_path_factory.getbasetemp()
    # Under xdist the parent of a worker's own folder belongs to all of them.
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    home = shared / "prefect_migrated"
    with FileLock(shared / "prefect_migrated.lock"):
        if not home.exists():
            making = shared / "prefect_migrating"
            environment = clean_environment({"PREFECT_HOME": str(making)})
            subprocess.run([sys.executable, "-W", "ignore", "-c", _MIGRATE], env=environment, check=True)
            making.rename(home)
    return home / "prefect.db"


_MIGRATE = """
import asyncio
from prefect.server.database.dependencies import provide_database_interface
asyncio.run(provide_database_interface().create_db())
"""


@pytest.fixture(scope="session")
def server(processes: ProcessGroup, migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """One Prefect server for all tests of a worker, because a start takes seconds of a core."""
    from tests.orchestration.prefect.conftest import free_port, start_server  # and so does the import

    home = tmp_path_factory.mktemp("prefect_server")
    shutil.copy(migrated, home)
    return start_server(processes, home, free_port())


@pytest.fixture(scope="session")
def prefect_home(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all tests of a process, because Prefect's ephemeral API keeps the first database that it gets."""
    home = tmp_path_factory.mktemp("prefect")
    shutil.copy(migrated, home)
    return home
