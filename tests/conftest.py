"""The embedded stack for all tests: one per xdist worker, its parts started where the first test asks for them.

postgres_server   an empty cluster (superuser's DSN)
shop_database     a fresh copy of a small seeded shop, dropped after the test
empty_database    a fresh empty database, dropped after the test
s3_server         an S3 endpoint
s3                a fresh bucket on it
mock_saas_server  the e-mail provider
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.local.accounts import unprivileged_account
from orchestration.local.postgres_binaries import find_binaries
from orchestration.local.postgres_server import PostgresServer, start_postgres
from orchestration.local.processes import ProcessGroup, process_group
from orchestration.local.run_directory import RunDirectory, open_run_directory
from orchestration.local.s3_server import S3Server, start_s3
from orchestration.local.settings import LocalSettings


@pytest.fixture(scope="session")
def run_directory() -> Iterator[RunDirectory]:
    with open_run_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def stack_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack_logs")


@pytest.fixture(scope="session")
def processes(run_directory: RunDirectory) -> Iterator[ProcessGroup]:
    with process_group(run_directory.lock) as group:
        yield group


@pytest.fixture(scope="session")
def postgres_server(processes: ProcessGroup, run_directory: RunDirectory, stack_logs: Path) -> PostgresServer:
    account = unprivileged_account()
    binaries = find_binaries(LocalSettings().postgres_bin, account)
    return start_postgres(processes, binaries, account, run_directory.path, stack_logs)


@pytest.fixture(scope="session")
def s3_server(processes: ProcessGroup, run_directory: RunDirectory, stack_logs: Path) -> S3Server:
    return start_s3(processes, run_directory.path, stack_logs).ready()
