"""The surroundings of the measured programs: Postgres, an S3 endpoint, an event API, each started on demand."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx

from bench.scale import Scale
from bench.tables import Movements
from local.accounts import unprivileged_account
from local.environment import clean_environment
from local.processes import Command, Process, ProcessGroup, Stop, process_group
from local.run_directory import RunDirectory, open_run_directory
from local.servers.postgres_binaries import find_binaries
from local.servers.postgres_server import PostgresServer, start_postgres
from local.servers.s3_server import S3Server, StartingS3Server
from local.settings import REPOSITORY, LocalSettings

CONTRACTS = Path(__file__).with_name("contracts")
_READY_SECONDS = 300.0


@dataclass(frozen=True)
class Lake:
    """A bucket for one measurement."""

    bucket: str
    server: S3Server
    environment: Mapping[str, str]

    def requests(self) -> Counter[str]:
        """Return the numbers of the bucket's requests by price class: `put` (and LIST), `get` or `free`."""
        answer = httpx.get(f"{self.server.endpoint_url}/-/requests/{self.bucket}", trust_env=False)
        return Counter(answer.raise_for_status().json())

    def drop(self) -> None:
        """Remove the bucket with all its objects."""
        url = f"{self.server.endpoint_url}/-/bucket/{self.bucket}"
        httpx.delete(url, timeout=300, trust_env=False).raise_for_status()

    def put_directly(self, objects: Mapping[str, str]) -> None:
        """Put objects, by key, without a counted S3 request."""
        url = f"{self.server.endpoint_url}/-/objects/{self.bucket}"
        httpx.post(url, json=dict(objects), timeout=300, trust_env=False).raise_for_status()


class World:
    """The servers of one benchmark run. They stop with `processes`."""

    def __init__(
        self,
        processes: ProcessGroup,
        directory: RunDirectory,
        logs: Path,
        scale: Scale,
        peers: Path | None,
        tell: Callable[[str], None],
    ) -> None:
        self.processes = processes
        self.directory = directory
        self.logs = logs
        self.scale = scale
        self.peers = peers
        self.tell = tell
        self._lakes = 0

    @cached_property
    def postgres(self) -> PostgresServer:
        """A Postgres cluster with the settings of the embedded stack."""
        account = unprivileged_account()
        binaries = find_binaries(LocalSettings().postgres_bin, account)
        return start_postgres(self.processes, binaries, account, self.directory.path, self.logs)

    @cached_property
    def movements(self) -> Movements:
        """The databases whose table `stock_movements` has some size."""
        return Movements(self.postgres, self.tell)

    @cached_property
    def s3(self) -> S3Server:
        """The S3 endpoint."""
        port_file = self.directory.path / "s3.port"
        process = self._serve("S3 endpoint", "bench.servers.s3_app", "--port-file", port_file)
        return StartingS3Server(process, port_file).ready()

    def events_api(self, events: int) -> str:
        """Start an event API with that many events. Return its base URL."""
        folder = self.directory.path / f"events-{events}"
        if not folder.exists():
            folder.mkdir()
            arguments = ("--events", str(events), "--folder", folder, "--port-file", folder / "port")
            process = self._serve("Event API", "bench.servers.events_api", *arguments)
            process.wait_until((folder / "port").exists, _READY_SECONDS)
        return f"http://127.0.0.1:{(folder / 'port').read_text()}"

    @contextmanager
    def lake(self) -> Iterator[Lake]:
        """Yield an empty bucket.

        It is removed afterwards with all its objects, because the endpoint keeps everything in memory.
        """
        self._lakes += 1
        lake = Lake(f"bench-{self._lakes}", self.s3, self.s3.environment | {"RAW_BUCKET": f"bench-{self._lakes}"})
        self.s3.create_bucket(lake.bucket)
        try:
            yield lake
        finally:
            lake.drop()

    def environment(self, *additions: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a measured program, without any account of the user."""
        merged = {name: value for addition in additions for name, value in addition.items()}
        return clean_environment({"PYTHONPATH": str(REPOSITORY), "LOG_FORMAT": "json", **merged})

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """Yield a folder that is removed afterwards."""
        import shutil

        path = self.directory.path / name
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def _serve(self, name: str, module: str, *arguments: str | Path) -> Process:
        command = Command(
            name,
            (sys.executable, "-m", module, *arguments),
            self.logs / f"{module.rpartition('.')[2]}.log",
            clean_environment({"PYTHONPATH": str(REPOSITORY)}),
            self.directory.path,
            stop=(Stop("KILL", 5.0),),
        )
        return self.processes.spawn(command)


@contextmanager
def open_world(scale: Scale, peers: Path | None, logs: Path, tell: Callable[[str], None]) -> Iterator[World]:
    """Yield a world whose processes and files are removed at the end, however the block ends."""
    with open_run_directory() as directory, process_group(directory.lock) as processes:
        yield World(processes, directory, logs, scale, peers, tell)


def python() -> str:
    """Return the interpreter of the project's environment."""
    return os.fspath(sys.executable)
