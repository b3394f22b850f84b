"""A source, a lake and the means to run ingest between them, fresh for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from pydantic import SecretStr

from ingest.lake.store import ObjectStore
from ingest.settings import IngestSettings, LakeSettings
from tests.ingest.run.world import World


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
