"""Postgres misbehaves in mid run: what was committed at the source is landed once, or the run says why not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import adbc_driver_manager
import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import parse_dsn
from pydantic import SecretStr

from ingest.contracts.model import Deletes, Mode
from ingest.errors import TransientError
from ingest.lake.objects.store import ObjectStore
from ingest.run.runner import open_ingestion
from ingest.settings import IngestSettings, LakeSettings
from ingest.sources.postgres import connection, session
from ingest.sources.postgres.connection import connection_string
from local.accounts import unprivileged_account
from local.processes import ProcessGroup, process_group
from local.run_directory import open_run_directory
from local.servers.postgres_binaries import find_binaries
from local.servers.postgres_server import PostgresServer, _accepts, _server_command, start_postgres
from local.settings import LocalSettings
from tests.chaos.campaign import Order
from tests.chaos.line import Ground
from tests.faults import postgres_campaign
from tests.faults.roles import as_role
from tests.ingest.run.world import ITEMS, World

ROWS = 20_000


@pytest.fixture
def items(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """About 6 MB, read in small batches: more than the network's buffers hold, so that reads break in their middle."""
    monkeypatch.setattr("ingest.sources.postgres.reader.BATCH_BYTES", 2**16)
    _fill(world)
    return world


def _fill(world: World) -> None:
    world.execute(ITEMS)
    world.execute("insert into items select g, repeat('x', 250) || g from generate_series(1, %s) g", ROWS)


class Once:
    """A function that calls `strike` once, at a stream's first progress."""

    def __init__(self, strike: Callable[[], object]) -> None:
        self._strike = strike
        self.struck = False

    def __call__(self, stream: str, rows: int) -> None:
        if not self.struck:
            self.struck = True
            self._strike()


TERMINATE = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name like '%ingest%' "
    "and datname = current_database()"
)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_backends_terminated_in_mid_stream_are_tried_again(items: World) -> None:
    contract = items.contract("items")
    terminated = Once(lambda: items.execute(TERMINATE))
    with open_ingestion(items.settings, [contract], "test", progress=terminated) as run:
        result = run.ingest("items")

    assert terminated.struck
    assert result.rows_landed == ROWS
    assert len(items.landed(contract)) == ROWS
    items.assert_equal_to_source(contract)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[tuple[PostgresServer, Callable[[], object]]]:
    """A cluster for this test only, and a function that crashes and restarts it."""
    account = unprivileged_account()
    binaries = find_binaries(LocalSettings().postgres_bin, account)
    with open_run_directory() as directory, process_group(directory.lock) as group:
        server = start_postgres(group, binaries, account, directory.path, tmp_path)
        yield server, lambda: _restart(server, group, tmp_path / "postgres.log")


def _restart(server: PostgresServer, group: ProcessGroup, log: Path) -> None:
    """Do `pg_ctl stop -m immediate` and `start`: no checkpoint, every session cut, recovery from the WAL."""
    postmaster = int((server.data_directory / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGQUIT)
    server.process.wait(30)
    account = unprivileged_account()
    again = group.spawn(_server_command(server.binaries, account, server.data_directory, server.port, log))
    again.wait_until(lambda: _accepts(server.port, server.password), 60)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_server_that_crashes_and_starts_again_in_mid_run(
    own_server: tuple[PostgresServer, Callable[[], object]],
    lake_settings: LakeSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.sources.postgres.reader.BATCH_BYTES", 2**16)
    server, restart = own_server
    settings = IngestSettings(postgres_dsn=SecretStr(server.admin_dsn), horizon_margin_seconds=0, lake=lake_settings)
    with closing(psycopg2.connect(server.admin_dsn)) as session:
        session.autocommit = True
        before = World(settings, session, ObjectStore(lake_settings))
        before.execute("set synchronous_commit = on")
        _fill(before)
        contract = before.contract("items")
    restarted = Once(restart)
    with open_ingestion(settings, [contract], "test", progress=restarted) as run:
        result = run.ingest("items")
    assert restarted.struck
    assert result.rows_landed == ROWS
    with closing(psycopg2.connect(server.admin_dsn)) as session:
        World(settings, session, before.store).assert_equal_to_source(contract)


HOSTILE = {
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "TimeZone": "America/St_Johns",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "search_path": "nowhere",
    "enable_tidscan": "off",
    "row_security": "on",
    "client_encoding": "LATIN1",
}


def test_settings_of_the_role_change_neither_whether_nor_what_is_read(items: World) -> None:
    """Timeouts for people's sessions would end every long read; other settings change the text of values."""
    items.execute(
        "create table told (id int primary key, at timestamptz, local timestamp, span interval, bytes bytea,"
        " ats timestamptz[], reals float8[], name text);"
        "insert into told values (1, '2026-03-29 01:30:00+00', '2026-03-29 02:30:00', '-1 day 02:03:04.5', '\\x00ff5c',"
        " array['2026-10-25 00:30:00.000001+00'::timestamptz], array[0.1::float8 + 0.2, 1e-300], 'Zoë')"
    )
    snapshot = items.contract("told", mode=Mode.SNAPSHOT, cursor=None, deletes=Deletes.NONE)
    incremental = items.contract("items")
    with as_role(items, HOSTILE) as hostile:
        hostile.run(incremental)
        hostile.run(snapshot)
    items.assert_equal_to_source(incremental)
    (told,) = items.landed(snapshot)

    assert told["span"] == "-1 days +02:03:04.5"
    assert told["bytes"] == b"\x00\xff\x5c"
    assert told["at"] == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert told["local"] == datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001 - a timestamp without zone
    assert told["ats"] == '{"2026-10-25 00:30:00.000001+00"}'
    assert told["reals"] == "{0.30000000000000004,1e-300}"
    assert told["name"] == "Zoë"
    assert items.run(snapshot).commits == (), "another role reads another content"


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_text_is_read_whatever_the_databases_encoding(
    postgres_server: PostgresServer, lake_settings: LakeSettings, encoding: str
) -> None:
    name = f"encoded_{encoding.lower()}_{os.getpid()}"
    with closing(psycopg2.connect(postgres_server.admin_dsn)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        create = sql.SQL("create database {} template template0 encoding {}")
        cursor.execute(create.format(sql.Identifier(name), sql.Literal(encoding)))
        try:
            dsn = postgres_server.admin_dsn.rpartition("/")[0] + f"/{name}"
            settings = IngestSettings(postgres_dsn=SecretStr(dsn), horizon_margin_seconds=0, lake=lake_settings)
            with closing(psycopg2.connect(dsn, client_encoding="UTF8")) as session:
                session.autocommit = True
                world = World(settings, session, ObjectStore(lake_settings))
                world.execute(ITEMS)
                world.execute("insert into items values (1, 'Zoë Å')")
                contract = world.contract("items")
                world.run(contract)
                assert [row["value"] for row in world.landed(contract)] == ["Zoë Å"]
        finally:
            cursor.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def quick_to_give_up(world: World) -> World:
    return replace(
        world,
        settings=world.settings.model_copy(update={"postgres_lock_timeout_seconds": 0.2, "wait_budget_seconds": 0}),
    )


def test_a_table_that_is_locked_is_told_with_who_locks_it_and_the_others_go_on(world: World) -> None:
    world.execute(ITEMS)
    world.execute("create table others (id bigint primary key); insert into others values (1)")
    contracts = [world.contract("items"), world.contract("others", mode=Mode.SNAPSHOT, cursor=None)]
    impatient = quick_to_give_up(world)
    with world.other_session(application_name="a migration") as other:
        other.cursor().execute("lock table items in access exclusive mode")
        with open_ingestion(impatient.settings, contracts, "test", store=world.store) as run:
            with pytest.raises(TransientError, match=rf"items is locked: pid {other.info.backend_pid} .*a migration"):
                run.ingest("items")
            assert run.ingest("others").rows_landed == 1
    world.run(contracts[0])
    world.assert_equal_to_source(contracts[0])


def test_whoever_waits_to_alter_a_table_in_mid_run_does_not_make_the_run_wait_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session waits for the run's lock, and the run's next reader waits behind the session: only the run can end
    this.
    """
    monkeypatch.setitem(session.SETTINGS, "lock_timeout", "200ms")
    world.execute(ITEMS)
    world.execute("insert into items values (1, 'a')")
    contract = world.contract("items")
    impatient = quick_to_give_up(world)
    altered = Event()

    def alter() -> None:
        with world.other_session() as other:
            other.cursor().execute("alter table items add column later text")
            other.commit()
        altered.set()

    migration = Thread(target=alter)
    with open_ingestion(impatient.settings, [contract], "test", store=world.store) as run:
        migration.start()
        _wait_for_a_lock(world)
        with pytest.raises(TransientError, match="lock timeout"):
            run.ingest("items")
        assert not altered.is_set()
    migration.join(30)
    assert altered.is_set()
    world.run(contract)
    assert [row["value"] for row in world.landed(contract)] == ["a"]


def _wait_for_a_lock(world: World) -> None:
    while not world.query("select 1 from pg_locks where not granted and relation = 'items'::regclass"):
        Event().wait(0.01)


@pytest.mark.slow
def test_connections_cut_at_any_byte_lose_and_double_nothing(ground: Ground) -> None:
    postgres_campaign.run(ground, Order(seed=1, scale=0.16)).require_passed()


def test_what_the_driver_says_of_its_own_queries_is_told_without_them() -> None:
    said = "IO: [libpq] Failed to execute query '\nSELECT\n  attrelid\n': server closed the connection\n\tThis probably"
    with pytest.raises(TransientError, match=r"cannot read: IO: \[libpq\] server closed the connection\. Is"):  # noqa: SIM117
        with connection.postgres_errors("read"):
            raise adbc_driver_manager.OperationalError(said, status_code=adbc_driver_manager.AdbcStatusCode.IO)


def test_a_server_that_goes_without_a_word_is_noticed(world: World) -> None:
    told = parse_dsn(connection_string(world.settings.postgres_dsn))
    assert (told["keepalives_idle"], told["keepalives_interval"], told["keepalives_count"]) == ("30", "10", "3")
    own = parse_dsn(connection_string(SecretStr("host=x keepalives_idle=5 connect_timeout=2 options='-c a.b=1'")))
    assert (own["keepalives_idle"], own["connect_timeout"]) == ("5", "2")
    assert own["options"].startswith("-c a.b=1 ")
