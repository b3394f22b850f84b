"""Prefect's server on Postgres in place of SQLite: PREFECT_API_DATABASE_CONNECTION_URL."""

from __future__ import annotations

import uuid
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from prefect.client.orchestration import PrefectClient

from ingest.contracts.registry import ContractRegistry
from local.processes import process_group
from local.run_directory import RunDirectory
from orchestration.prefect.deploy.deployments import deployment_specs
from orchestration.prefect.deploy.registration import Code, register
from orchestration.runtime.names import STREAM_DEPLOYMENT, STREAM_FLOW
from orchestration.settings import REPOSITORY
from tests.orchestration.prefect.conftest import QUIET, free_port, start_server

pytestmark = [*QUIET, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


async def register_and_start(client: PrefectClient) -> uuid.UUID:
    """Register everything, twice, and request a run. Return its id."""
    specs = deployment_specs(ContractRegistry.load())
    for _ in range(2):
        registered = await register(client, specs, Code(REPOSITORY, "test"), alert_url=None)
    deployment = registered.deployments[f"{STREAM_FLOW}/{STREAM_DEPLOYMENT}"]
    run = await client.create_flow_run_from_deployment(deployment, parameters={"stream": "orders"})
    return run.id


@pytest.mark.slow
def test_everything_is_registered_and_kept_in_postgres(
    empty_database: str, run_directory: RunDirectory, tmp_path: Path
) -> None:
    url = empty_database.replace("postgresql://", "postgresql+asyncpg://")
    with process_group(run_directory.lock) as processes:
        server = start_server(processes, tmp_path, free_port(), PREFECT_API_DATABASE_CONNECTION_URL=url)
        run_id = server.call(register_and_start)
        assert server.run(run_id).state_name in ("Scheduled", "Late")

    assert not list(tmp_path.glob("*.db"))
    with closing(psycopg2.connect(empty_database)) as connection, connection.cursor() as cursor:
        cursor.execute("select name from deployment order by name")
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute("select parameters ->> 'stream' from flow_run where id = %s", [str(run_id)])
        assert cursor.fetchall() == [("orders",)]
    assert names == ["backfill", "full", "incremental", "keys", "maintenance", STREAM_DEPLOYMENT, "verify"]
