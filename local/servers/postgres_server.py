"""A private Postgres cluster: initdb, start on a free port of 127.0.0.1, stop. Passwords over TCP, no socket."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from ingest.retry_policies import LOCAL_POSTGRES
from local.accounts import Account
from local.errors import LocalStackError
from local.processes import Command, Process, Spawner, Stop
from local.servers.postgres_binaries import PostgresBinaries

HOST = "127.0.0.1"
SUPERUSER = "postgres"
_INITDB_SECONDS = 60.0
_READY_SECONDS = 60.0

SERVER_SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    # The horizon of an extraction respects prepared transactions, and tests prepare some.
    "max_prepared_transactions": "16",
    # The cluster lives only as long as the run, so there is nothing to recover after a crash of the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
}


@dataclass(frozen=True)
class PostgresServer:
    """A running cluster. `admin_dsn` is the superuser's URL of the database `postgres`, with the password."""

    port: int
    password: str
    binaries: PostgresBinaries
    process: Process
    data_directory: Path

    @property
    def admin_dsn(self) -> str:
        return dsn(self.port, SUPERUSER, self.password, "postgres")


def dsn(port: int, user: str, password: str, database: str) -> str:
    """Return the URL of a database of a cluster on this machine. `password` must need no quoting in a URL."""
    return f"postgresql://{user}:{password}@{HOST}:{port}/{database}"


def start_postgres(
    spawner: Spawner, binaries: PostgresBinaries, account: Account | None, directory: Path, logs: Path
) -> PostgresServer:
    """Make a cluster in `directory` (existing, reachable for `account`) and start it.

    Logs go to `logs`/postgres.log. Raises LocalStackError with the end of the log if it does not start.
    """
    data = directory / "data"
    password = secrets.token_urlsafe(16)
    log = logs / "postgres.log"
    _initialise(spawner, binaries, account, data, password, log)
    for further_tries in range(LOCAL_POSTGRES.further_tries, -1, -1):
        port = free_port()
        process = spawner.spawn(_server_command(binaries, account, data, port, log))
        try:
            process.wait_until(lambda: _accepts(port, password), _READY_SECONDS)  # noqa: B023 - used at once
        except LocalStackError:
            # Another process may have taken the port since it was chosen.
            if not further_tries or process.poll() is None or not _is_taken(port):
                raise
        else:
            return PostgresServer(port, password, binaries, process, data)
    raise AssertionError("unreachable")


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _initialise(
    spawner: Spawner, binaries: PostgresBinaries, account: Account | None, data: Path, password: str, log: Path
) -> None:
    password_file = data.with_name("superuser.password")
    descriptor = os.open(password_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password + "\n")
    data.mkdir(mode=0o700)
    if account is not None:
        os.chown(password_file, account.uid, account.gid)
        os.chown(data, account.uid, account.gid)
    process = spawner.spawn(_initdb_command(binaries, account, data, password_file, log))
    code = process.wait(_INITDB_SECONDS)
    password_file.unlink()
    if code != 0:
        raise LocalStackError(f"initdb of Postgres {binaries.major} ended with exit code {code}.", log=log)


def _initdb_command(
    binaries: PostgresBinaries, account: Account | None, data: Path, password_file: Path, log: Path
) -> Command:
    arguments: tuple[str | Path, ...] = (
        binaries.initdb,
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    )
    return Command("initdb", arguments, log, _environment(), data.parent, account)


def _server_command(binaries: PostgresBinaries, account: Account | None, data: Path, port: int, log: Path) -> Command:
    settings = {**SERVER_SETTINGS, "port": str(port)}
    options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    return Command(
        "Postgres",
        (binaries.postgres, "-D", data, *options),
        log,
        _environment(),
        data.parent,
        account,
        # Fast shutdown (open sessions are ended), then immediate. A killed postmaster would leave backends for a while.
        stop=(Stop("INT", 10.0), Stop("QUIT", 5.0)),
    )


def _environment() -> dict[str, str]:
    """Return this process's environment without the client's variables, which the server tools would read too."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _accepts(port: int, password: str) -> bool:
    try:
        psycopg2.connect(dsn(port, SUPERUSER, password, "postgres"), connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True
