"""`ingest doctor` on the seeded shop and the provider: they pass; each broken part is named, and no other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import SecretStr

from ingest.contracts.model import Source
from ingest.contracts.registry import ContractRegistry
from ingest.doctor.api import Api
from ingest.doctor.clocks import skew_seen
from ingest.doctor.postgres import PostgresSource
from ingest.findings import Finding, examine
from ingest.settings import IngestSettings
from ingest.sources.api.http import ApiClient
from local.servers.postgres_server import PostgresServer
from local.servers.shop import Shop
from tests.faults.poolers import forgetful_proxy
from tests.ingest.cli.command import CommandLine
from tests.ingest.sources.api.answers import Answers

CONTRACTS = ContractRegistry.load().select([])
TABLES = [contract for contract in CONTRACTS if contract.spec.source is Source.POSTGRES]
COLLECTIONS = [contract for contract in CONTRACTS if contract.spec.source is Source.SAAS]


def found_in_postgres(settings: IngestSettings) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(PostgresSource(settings, TABLES).checks())}


def found_in_the_api(settings: IngestSettings) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(Api(settings, COLLECTIONS, pause_seconds=0.01).checks())}


def faults(found: dict[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if finding.ok is False}


@pytest.fixture
def owner(shop_database: Shop, postgres_server: PostgresServer) -> Iterator[psycopg2.extensions.cursor]:
    """A superuser's session in the shop."""
    name = parse_dsn(shop_database.ingest_dsn)["dbname"]
    with closing(psycopg2.connect(postgres_server.admin_dsn, dbname=name)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def test_the_shop_is_well(ingest_settings: IngestSettings) -> None:
    found = found_in_postgres(ingest_settings)

    assert faults(found) == set()
    assert {finding.ok for finding in found.values()} == {True}
    assert len(found) == 7 + len(TABLES)


def test_a_login_that_sees_no_transactions_is_named_with_its_grant(
    ingest_settings: IngestSettings, owner: psycopg2.extensions.cursor
) -> None:
    owner.execute("create role blind login password 'secret'; grant select on all tables in schema public to blind")
    try:
        blind = make_dsn(ingest_settings.postgres_dsn.get_secret_value(), user="blind", password="secret")
        owner.execute(
            f"grant connect on database {parse_dsn(blind)['dbname']} to blind; grant usage on schema public to blind"
        )
        found = found_in_postgres(ingest_settings.model_copy(update={"postgres_dsn": SecretStr(blind)}))
    finally:
        owner.execute("drop owned by blind; drop role blind")

    assert faults(found) == {"postgres: open transactions"}
    assert found["postgres: open transactions"].advice == 'Run: GRANT pg_monitor TO "blind";'
    assert found["postgres: horizon"].ok is None


def test_a_transaction_that_stays_open_is_named_when_it_is_old(
    ingest_settings: IngestSettings, owner: psycopg2.extensions.cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.execute("begin; create table held (id int)")
    young = found_in_postgres(ingest_settings)
    monkeypatch.setattr("ingest.doctor.postgres.LONGEST_TRANSACTION", timedelta(0))
    old = found_in_postgres(ingest_settings)
    owner.execute("rollback")

    assert faults(young) == set()
    assert "held back by pid" in young["postgres: horizon"].seen
    assert faults(old) == {"postgres: horizon"}
    assert "pg_terminate_backend" in old["postgres: horizon"].advice


def test_a_missing_table_and_a_missing_grant_are_named(
    ingest_settings: IngestSettings, owner: psycopg2.extensions.cursor
) -> None:
    owner.execute("revoke select on orders from ingest; alter table customers rename to clients")

    found = found_in_postgres(ingest_settings)

    assert faults(found) == {"postgres: table of orders", "postgres: table of customers"}
    assert found["postgres: table of orders"].advice.startswith('GRANT SELECT ON "public"."orders" TO "ingest";')
    assert "there is no table" in found["postgres: table of customers"].seen


def test_a_superuser_and_a_limit_of_connections_are_named(
    ingest_settings: IngestSettings, postgres_server: PostgresServer, owner: psycopg2.extensions.cursor
) -> None:
    admin = parse_dsn(postgres_server.admin_dsn)
    ours = ingest_settings.postgres_dsn.get_secret_value()
    dsn = make_dsn(ours, user=admin["user"], password=admin["password"])
    superuser = found_in_postgres(ingest_settings.model_copy(update={"postgres_dsn": SecretStr(dsn)}))
    owner.execute("alter role ingest connection limit 2")
    try:
        narrow = found_in_postgres(ingest_settings)
    finally:
        owner.execute("alter role ingest connection limit -1")

    assert faults(superuser) == {"postgres: login"}
    assert "a superuser" in superuser["postgres: login"].seen
    assert faults(narrow) == {"postgres: connections"}


def test_settings_that_are_not_kept_are_named(
    ingest_settings: IngestSettings, owner: psycopg2.extensions.cursor
) -> None:
    owner.execute(
        "create schema deaf; grant usage on schema deaf to ingest;"
        "create function deaf.set_config(text, text, boolean) returns text language sql as 'select $2';"
        "alter role ingest set search_path = deaf, pg_catalog, public; alter role ingest set timezone = 'Asia/Tokyo'"
    )
    dsn = make_dsn(ingest_settings.postgres_dsn.get_secret_value(), sslmode="disable")
    try:
        with forgetful_proxy(int(parse_dsn(dsn)["port"])) as proxy:
            through = SecretStr(proxy.before(dsn))
            found = found_in_postgres(ingest_settings.model_copy(update={"postgres_dsn": through}))
    finally:
        owner.execute("alter role ingest reset search_path; alter role ingest reset timezone; drop schema deaf cascade")

    # The other two read as a run does, and such a read is refused, too.
    assert faults(found) == {"postgres: settings of a reader", "postgres: horizon", "postgres: open transactions"}
    assert "does not keep the setting" in found["postgres: settings of a reader"].seen
    assert "pool_mode = transaction" in found["postgres: settings of a reader"].advice


def test_a_slot_that_nobody_reads_is_named(ingest_settings: IngestSettings, owner: psycopg2.extensions.cursor) -> None:
    owner.execute("select pg_create_physical_replication_slot('forgotten', true)")
    try:
        found = found_in_postgres(ingest_settings)
    finally:
        owner.execute("select pg_drop_replication_slot('forgotten')")

    assert faults(found) == {"postgres: standbys"}
    assert "forgotten" in found["postgres: standbys"].seen


def test_a_postgres_that_is_not_there_is_a_finding_of_each_check(ingest_settings: IngestSettings) -> None:
    nowhere = SecretStr("postgresql://ingest:secret@127.0.0.1:1/shop")
    found = found_in_postgres(ingest_settings.model_copy(update={"postgres_dsn": nowhere}))

    assert faults(found) == set(found)
    assert "secret" not in str(found)


def test_the_provider_is_well(ingest_settings: IngestSettings) -> None:
    found = found_in_the_api(ingest_settings)

    assert faults(found) <= {"api: clock"}  # the demo's provider lives at the business's time
    assert found["api: another key"].seen == "refused"
    assert found["api: settled email_events"].ok in (True, None)


def test_a_wrong_key_and_no_settling_time_are_named(ingest_settings: IngestSettings) -> None:
    wrong = found_in_the_api(ingest_settings.model_copy(update={"saas_api_key": SecretStr("another")}))
    hasty = found_in_the_api(ingest_settings.model_copy(update={"saas_settling_seconds": 0.0}))

    assert {"api: email_events", "api: campaigns"} <= faults(wrong)
    assert wrong["api: email_events"].advice == "Check SAAS_API_KEY."
    assert "api: settling time" not in faults(wrong)
    assert faults(hasty) - {"api: clock"} == {"api: settling time"}


@pytest.mark.parametrize(("seconds", "ok"), [(0, True), (29, True), (-29, True), (31, False), (-3600, False)])
def test_a_clock_that_is_off_is_named(seconds: int, ok: bool) -> None:
    ours = datetime(2026, 3, 1, tzinfo=UTC)

    seen = skew_seen(ours + timedelta(seconds=seconds), "the provider's clock", ours=ours)

    assert seen.ok is ok
    assert ok or f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} this machine" in seen.text


def test_the_command_prints_a_line_a_check_and_ends_by_what_it_found(command_line: CommandLine) -> None:
    packaged = str(IngestSettings.model_fields["contracts_dir"].default)
    done = command_line.run("doctor", "orders", "campaigns", CONTRACTS_DIR=packaged)
    bad = command_line.run("doctor", SAAS_PAGE_SIZE="none")

    assert done.exit_code == 1
    assert "which is no AWS account" in done.out
    for word in ("expected", "seen", "what to do", "bucket: versioning", "FAULT", "terraform apply", "not looked at"):
        assert word in done.out
    assert bad.exit_code == 2
    assert "SAAS_PAGE_SIZE" in bad.err


def test_a_provider_that_takes_any_key_has_no_clock_and_changes_what_is_settled_is_named(
    ingest_settings: IngestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = itertools.count()

    def answer(_: httpx.Request) -> httpx.Response:
        record = {"event_id": f"e{next(asked)}", "received_at": "2026-03-01T00:00:00Z"}
        return httpx.Response(200, json={"data": [record], "next_cursor": None, "has_more": False})

    monkeypatch.setattr("ingest.doctor.api.ApiClient", partial(ApiClient, transport=Answers(answer)))

    found = found_in_the_api(ingest_settings)

    assert faults(found) == {
        "api: another key",
        "api: clock",
        *(f"api: settled {contract.stream}" for contract in COLLECTIONS),
    }
    assert "no Date" in found["api: clock"].seen
    assert "Raise SAAS_SETTLING_SECONDS" in found["api: settled email_events"].advice
