"""Starts the S3 endpoint (`s3_app`) and makes its bucket."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from local.environment import clean_environment
from local.processes import Command, Process, Spawner, Stop

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

REGION = "eu-central-1"
ACCESS_KEY_ID = "local"
SECRET_ACCESS_KEY = "local-endpoint-takes-any"  # noqa: S105 - the endpoint checks no signature
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class S3Server:
    """A running endpoint on 127.0.0.1. Its objects live in memory."""

    endpoint_url: str
    process: Process

    def client(self) -> S3Client:
        """Return a client of this endpoint, whatever AWS configuration the user has."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=Config(s3={"addressing_style": "path"}),
        )

    @cached_property
    def _own_client(self) -> S3Client:
        return self.client()

    def create_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        self._own_client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which a program uses this endpoint."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        }


@dataclass(frozen=True)
class StartingS3Server:
    """An endpoint whose process was started. `ready` waits for it."""

    process: Process
    port_file: Path

    def ready(self) -> S3Server:
        """Wait until the endpoint accepts connections. Raises LocalStackError if it does not."""
        self.process.wait_until(self.port_file.exists, _READY_SECONDS)
        return S3Server(f"http://127.0.0.1:{self.port_file.read_text()}", self.process)


def start_s3(spawner: Spawner, directory: Path, logs: Path) -> StartingS3Server:
    """Start the endpoint, and return at once."""
    port_file = directory / "s3.port"
    command = Command(
        "S3 endpoint",
        (sys.executable, "-m", "local.servers.s3_app", "--port-file", port_file),
        logs / "s3.log",
        clean_environment(),
        directory,
        stop=(Stop("KILL", 5.0),),  # all state is in memory, so nothing needs to finish
    )
    return StartingS3Server(spawner.spawn(command), port_file)
