"""The ground that campaigns run on in the tests: the servers that all tests share."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator

import pytest
import structlog

from ingest import logs
from orchestration.local.postgres_server import PostgresServer
from orchestration.local.s3_server import S3Server
from orchestration.local.saas_server import SaasServer
from orchestration.local.shop import ShopPasswords
from tests.chaos.line import Ground, Line


@pytest.fixture(scope="session")
def ground(
    postgres_server: PostgresServer,
    s3_server: S3Server,
    mock_saas_server: SaasServer,
    shop_passwords: ShopPasswords,
    tmp_path_factory: pytest.TempPathFactory,
) -> Ground:
    folder = tmp_path_factory.mktemp("chaos")
    # Under xdist the parent of a worker's own folder belongs to all of them.
    shared = folder.parent.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    return Ground(postgres_server, s3_server, mock_saas_server, shop_passwords, folder, dbt=shared / "chaos-dbt")


@pytest.fixture(autouse=True)
def _errors_alone() -> Iterator[None]:
    """A campaign makes thousands of runs, each with its words; a failure must be found among them."""
    logs.configure("auto", level=logging.CRITICAL)
    yield
    structlog.reset_defaults()


@pytest.fixture
def line(ground: Ground) -> Iterator[Line]:
    with ground.line(f"test_{uuid.uuid4().hex[:8]}") as laid:
        yield laid
