"""A standby: snapshot streams are landed from it, streams with a cursor are refused by name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest
from psycopg2.extensions import make_dsn
from pydantic import SecretStr

from ingest.errors import ConfigurationError, UnreachableError
from ingest.lake.objects.store import ObjectStore
from ingest.run.runner import ingest_all, open_ingestion
from ingest.run.shared import SharedIngestion
from ingest.settings import IngestSettings, LakeSettings
from ingest.sources.postgres.connection import Server
from local.accounts import unprivileged_account
from local.processes import process_group
from local.run_directory import open_run_directory
from local.servers.postgres_binaries import find_binaries
from local.servers.postgres_server import PostgresServer, _accepts, _server_command, start_postgres
from local.settings import LocalSettings
from tests.ingest.run.world import ITEMS, World, share_ingestion


@pytest.fixture(scope="module")
def standby(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server in recovery: it was stopped, and waits for WAL of a primary that it does not know."""
    logs = tmp_path_factory.mktemp("standby")
    account = unprivileged_account()
    binaries = find_binaries(LocalSettings().postgres_bin, account)
    with open_run_directory() as directory, process_group(directory.lock) as group:
        server = start_postgres(group, binaries, account, directory.path, logs)
        with closing(psycopg2.connect(server.admin_dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(f"{ITEMS}; create table whole (id int primary key, v text)")
            cursor.execute("insert into items values (1, 'a'); insert into whole values (1, 'x'), (2, 'y')")
            connection.commit()
        server.process.stop()
        signal = server.data_directory / "standby.signal"
        signal.touch()
        if account is not None:
            shutil.chown(signal, account.uid, account.gid)
        log = logs / "again.log"
        process = group.spawn(_server_command(server.binaries, account, server.data_directory, server.port, log))
        process.wait_until(lambda: _accepts(server.port, server.password), 60)
        yield replace(server, process=process)


@pytest.fixture
def on_standby(standby: PostgresServer, lake_settings: LakeSettings) -> Iterator[World]:
    settings = IngestSettings(
        postgres_dsn=SecretStr(standby.admin_dsn), saas_api_key=SecretStr("key"), lake=lake_settings
    )
    with closing(psycopg2.connect(standby.admin_dsn)) as connection:
        connection.autocommit = True
        yield World(settings, connection, ObjectStore(settings.lake))


def test_whole_streams_run_on_a_standby_and_incremental_ones_are_refused_by_name(on_standby: World) -> None:
    whole, items = on_standby.contract("whole"), on_standby.contract("items")
    with open_ingestion(on_standby.settings, [items, whole], "test", store=on_standby.store) as run:
        outcomes = {outcome.stream: outcome for outcome in ingest_all(run, concurrency=2, keys=True)}
    landed, refused = outcomes["whole"].result, outcomes["items"].error
    assert landed is not None
    assert landed.rows_landed == 2
    assert refused is not None
    assert refused.exit_code == 2
    assert str(refused).startswith("items: POSTGRES_DSN names a standby, ")
    assert "mode: snapshot" in str(refused)
    assert {key.key.split("/")[1] for key in on_standby.store.list("inventory/")} == {"whole"}


def test_a_run_that_others_join_tells_them_that_it_reads_a_standby(on_standby: World) -> None:
    contracts = [on_standby.contract("whole"), on_standby.contract("items")]
    with share_ingestion(on_standby.settings, contracts, store=on_standby.store) as shared:
        sent = SharedIngestion.model_validate_json(shared.model_dump_json())
        with open_ingestion(on_standby.settings, contracts, "test", store=on_standby.store, shared=sent) as run:
            assert run.ingest("whole").rows_landed == 2
            with pytest.raises(ConfigurationError, match="items: POSTGRES_DSN names a standby"):
                run.ingest("items")


def test_a_standby_is_not_taken_for_a_primary(standby: PostgresServer) -> None:
    for wanted, said in (("read-write", "session is read-only"), ("primary", "in hot standby mode")):
        dsn = make_dsn(standby.admin_dsn, target_session_attrs=wanted)
        with pytest.raises(UnreachableError, match=f"{said}.*target_session_attrs"):
            Server(SecretStr(dsn)).connect()
    Server(SecretStr(make_dsn(standby.admin_dsn, target_session_attrs="read-only"))).connect().close()
