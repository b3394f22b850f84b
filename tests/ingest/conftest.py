"""A lake, a source and the command line between them, fresh for each test."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from local.servers.s3_server import S3Server
from tests.conftest import Bucket
from tests.ingest.cli.command import CommandLine

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def s3_client(s3_server: S3Server) -> S3Client:
    """One client for all tests, because making one takes longer than most tests."""
    return s3_server.client()


@pytest.fixture
def bucket(s3_server: S3Server, s3_client: S3Client) -> Bucket:
    bucket = Bucket(f"lake-{uuid.uuid4().hex[:12]}", s3_server)
    s3_client.create_bucket(Bucket=bucket.name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return bucket


@pytest.fixture
def store(lake_settings: LakeSettings, s3_client: S3Client) -> ObjectStore:
    return ObjectStore(lake_settings, s3_client)


@pytest.fixture
def command_line(lake_settings: LakeSettings, empty_database: str, tmp_path: Path) -> CommandLine:
    """`python -m ingest` in an empty folder, configured for this test's database, lake and contracts."""
    return CommandLine.beside(tmp_path, lake_settings, empty_database)
