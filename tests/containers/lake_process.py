"""The lake's program in a process that can be killed and started again on the same folder."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REPOSITORY = Path(__file__).parents[2]
PYTHON = REPOSITORY / ".venv-lake" / "bin" / "python"
"""Where `make .venv-lake/.installed` puts ministack."""
BUCKET = "the-lake"
REGION = "eu-central-1"
EXIT_DISK_FAILED = 74


@dataclass
class Lake:
    """A lake on one folder and one port, over any number of processes."""

    folder: Path
    port: int
    variables: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def start(self, *, largest_file: int | None = None) -> None:
        """Start it, and return when the bucket exists. `largest_file` (bytes) simulates a full disk."""
        self.process = subprocess.Popen(
            [PYTHON, "-m", "lake"],
            cwd=REPOSITORY,
            env={**self._environment(), **self.variables},
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=None if largest_file is None else _limited_to(largest_file),
        )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready.startswith(f"lake: s3://{BUCKET}"), f"it did not start: {ready!r}, {self.process.wait(10)}"

    def kill(self) -> None:
        """End it by SIGKILL, like a lost machine's container."""
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait. Return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait for its end. Return the exit code."""
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(30)
        self.process.stdout.close()
        return code

    @property
    def settings(self) -> LakeSettings:
        return LakeSettings(bucket=BUCKET, endpoint_url=f"http://127.0.0.1:{self.port}", region=REGION, _env_file=None)  # type: ignore[call-arg]

    @property
    def store(self) -> ObjectStore:
        """The platform's own client of the lake."""
        return ObjectStore(self.settings, self.client())

    def client(self) -> S3Client:
        """Return a client that tries each request once."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=REGION,
            aws_access_key_id="dev",
            aws_secret_access_key="dev",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, max_pool_connections=32),
        )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "RAW_BUCKET": BUCKET,
            "AWS_REGION": REGION,
            "LAKE_HOST": "127.0.0.1",
            "LAKE_PORT": str(self.port),
            "S3_DATA_DIR": str(self.folder),
        }


@contextmanager
def running_lake(folder: Path, **variables: str) -> Iterator[Lake]:
    """Yield a running lake, which ends with the block."""
    lake = Lake(folder, _free_port(), variables)
    lake.start()
    try:
        yield lake
    finally:
        if lake.process is not None and lake.process.poll() is None:
            lake.kill()


def _limited_to(size: int) -> Callable[[], None]:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
