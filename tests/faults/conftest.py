"""A line, and a source and a lake, of one's own for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from pydantic import SecretStr

from ingest.lake.store import ObjectStore
from ingest.settings import IngestSettings, LakeSettings
from tests.chaos.line import Ground, Line
from tests.faults.patience import without_waiting
from tests.ingest.run.world import World


@pytest.fixture
def line(ground: Ground) -> Iterator[Line]:
    with ground.line(f"faults_{uuid.uuid4().hex[:8]}") as laid:
        yield laid


@pytest.fixture
def world(empty_database: str, lake_settings: LakeSettings) -> Iterator[World]:
    settings = IngestSettings(
        postgres_dsn=SecretStr(empty_database),
        saas_api_key=SecretStr("key"),
        horizon_margin_seconds=0,
        lake=lake_settings,
    )
    with closing(psycopg2.connect(empty_database)) as connection:
        connection.autocommit = True
        yield World(settings, connection, ObjectStore(settings.lake))


@pytest.fixture
def impatient() -> Iterator[None]:
    """Retries do not wait."""
    with without_waiting():
        yield
