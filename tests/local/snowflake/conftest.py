"""An emulated account for its own tests: one server a worker; each module has a database of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error

from local.processes import ProcessGroup
from local.run_directory import RunDirectory
from local.servers.s3_server import S3Server
from local.snowflake.server import EMULATOR_PYTHON, SnowflakeEmulator, start_snowflake_emulator

snowflake.connector.paramstyle = "qmark"


@dataclass(frozen=True)
class Client:
    """A session of the account."""

    connection: SnowflakeConnection

    def run(self, sql: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows. Raises snowflake.connector.errors.Error."""
        with closing(self.connection.cursor()) as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()

    def value(self, sql: str, values: Sequence[Any] | None = None) -> Any:
        [(value,)] = self.run(sql, values)
        return value

    def refused(self, sql: str, values: Sequence[Any] | None = None) -> tuple[int, str]:
        """Return the number and the text of the error that a statement must raise."""
        with pytest.raises(Error) as caught:
            self.run(sql, values)
        return caught.value.errno, str(caught.value.msg)

    def errno(self, sql: str, values: Sequence[Any] | None = None) -> int:
        return self.refused(sql, values)[0]


Connect = Callable[..., Client]


@pytest.fixture(scope="session")
def emulator_installed() -> None:
    """Skip where no emulator can be started."""
    if not EMULATOR_PYTHON.exists():
        pytest.skip("the emulated Snowflake is not installed: `make test-snowflake` installs it")


@pytest.fixture(scope="session")
def emulator(
    emulator_installed: None,
    processes: ProcessGroup,
    run_directory: RunDirectory,
    stack_logs: Path,
    s3_server: S3Server,
) -> SnowflakeEmulator:
    return start_snowflake_emulator(processes, run_directory.path, stack_logs, s3_server.environment).ready()


@contextmanager
def session(
    emulator: SnowflakeEmulator, *, session_parameters: dict[str, Any] | None = None, **options: Any
) -> Iterator[Client]:
    """Yield a session of `test`, or with the arguments of snowflake.connector.connect."""
    arguments: dict[str, Any] = {"user": "test", "password": "test"} if "private_key" not in options else {}
    arguments |= {
        "account": "emulated",
        "host": "127.0.0.1",
        "port": emulator.port,
        "protocol": "http",
        "login_timeout": 5,
        "network_timeout": 30,
        "platform_detection_timeout_seconds": 0.0,
        "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False, **(session_parameters or {})},
    }
    with closing(snowflake.connector.connect(**(arguments | options))) as connection:
        yield Client(connection)


@pytest.fixture(scope="module")
def connect(emulator: SnowflakeEmulator) -> Iterator[Connect]:
    """A function that opens sessions, as `session` does. They end with the module."""
    with ExitStack() as opened:
        yield lambda **options: opened.enter_context(session(emulator, **options))


@pytest.fixture(scope="module")
def database(connect: Connect) -> str:
    """A fresh database with a schema RAW."""
    name = f"TEST_{uuid.uuid4().hex[:8].upper()}"
    client = connect()
    client.run(f"CREATE DATABASE {name}")
    client.run(f"CREATE SCHEMA {name}.RAW")
    return name


@pytest.fixture(scope="module")
def client(connect: Connect, database: str) -> Client:
    """A session in that database's RAW."""
    return connect(database=database, schema="RAW")
