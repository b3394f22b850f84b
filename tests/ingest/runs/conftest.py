"""A source, a lake and the means to run ingest between them, fresh for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2 import sql
from pydantic import SecretStr

from ingest.lake.store import ObjectStore
from ingest.settings import IngestSettings, LakeSettings
from orchestration.local.postgres_server import PostgresServer
from orchestration.local.s3_server import S3Server
from tests.ingest.runs.world import World


@pytest.fixture
def aws_environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """The superuser's DSN of an empty database."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with closing(psycopg2.connect(postgres_server.admin_dsn)) as admin:
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            yield postgres_server.admin_dsn.rpartition("/")[0] + f"/{name}"
            cursor.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def world(database: str, s3_server: S3Server, aws_environment: None) -> Iterator[World]:
    bucket = f"lake-{uuid.uuid4().hex[:12]}"
    s3_server.create_bucket(bucket)
    settings = IngestSettings(
        _env_file=None,
        postgres_dsn=SecretStr(database),
        saas_api_key=SecretStr("key"),
        horizon_margin_seconds=0,
        lake=LakeSettings(_env_file=None, bucket=bucket, endpoint_url=s3_server.endpoint_url),
    )
    with closing(psycopg2.connect(database)) as connection:
        connection.autocommit = True
        yield World(settings, connection, ObjectStore(settings.lake))
