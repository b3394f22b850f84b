"""Refusals of the `ingest` commands: one message, exit code 2, and no secret."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from ingest.cli.app import app
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from local.servers.s3_server import S3Server
from local.servers.saas_server import SaasServer
from tests.ingest.cli.command import CommandLine
from tests.ingest.cli.refusals import SECRET, refused
from tests.ingest.contracts.contract_text import Document, column, good_document, set_custom, text_of
from tests.ingest.lake.s3_proxy import Fault, s3_error, s3_proxy
from tests.ingest.run.world import World
from tests.ingest.sources.api.fake_provider import FakeProvider, good_event

if TYPE_CHECKING:
    pass


def password_of(dsn: str) -> str:
    return dsn.partition("://")[2].rpartition("@")[0].partition(":")[2]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# As a process of its own


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["run", "--stream", "thing"], {}, "there is no stream 'thing'"),
        (["run"], {"POSTGRES_DSN": f"postgresql://x:{SECRET}/@127.0.0.1/shop"}, "percent-encoded"),
        (["run"], {"RAW_BUCKET": "no-such-bucket"}, "there is no bucket s3://no-such-bucket"),
        (["run"], {"CONTRACTS_DIR": "nowhere"}, r"there is no \*\.odcs\.yaml in nowhere"),
        (["contract", "check"], {"POSTGRES_DSN": "nonsense"}, "not a connection string"),
    ],
)
def test_a_process_ends_with_one_message_and_code_2(
    arguments: list[str], settings: dict[str, str], said: str, things: CommandLine
) -> None:
    refused(things.spawn(*arguments, **settings), said)


def test_a_process_lands_a_stream(things: CommandLine, source_world: World, empty_database: str) -> None:
    done = things.spawn("run")
    assert (done.exit_code, done.messages) == (0, [])
    assert re.search(r"things +3 .*landed", done.out)
    assert [(line["event"], line["stream"], line["rows"]) for line in done.logs] == [("landed", "things", 3)]
    assert password_of(empty_database) not in done.out + done.err
    head = CommitLog(source_world.store, "things").head()
    assert head is not None
    assert head.run_id == done.logs[0]["run_id"]


# A stream, a moment or a setting that is none


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--stream", "things", "--stream", "thing"],
        ["log", "thing"],
        ["replay", "thing", "--from-version", "1"],
        ["backfill", "thing", "--from", "2026-01-01", "--to", "2026-01-02"],
        ["contract", "check", "--stream", "thing"],
        ["gc", "--stream", "thing"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_unknown_stream_is_named_with_the_known_ones(arguments: list[str], things: CommandLine) -> None:
    refused(things.run(*arguments), r"there is no stream 'thing'\. The streams are: things\.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--all", "--stream", "things"], "--all and --stream exclude each other"),
        (["backfill", "things", "--from", "soon", "--to", "2026-01-01"], "--from is 'soon', .*ISO 8601"),
        (
            ["backfill", "things", "--from", "2026-01-01", "--to", "0001-01-01T00:00:00+14:00"],
            r"--to is '0001-01-01T00:00:00\+14:00'",
        ),
        (["backfill", "things", "--from", "2026-01-02", "--to", "2026-01-01"], "things: the window is empty"),
        (["gc", "--grace-hours", "nan"], "--grace-hours is nan"),
        (["gc", "--grace-hours", "1e300"], "--grace-hours is"),
        (["show", "things", "7"], r"things: there is no version 7\. See `ingest log things`"),
        (["replay", "things", "--from-version", "1"], "things: there is no version 1; the log goes from 1 to 0"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(arguments: list[str], said: str, things: CommandLine) -> None:
    refused(things.run(*arguments), said)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"INGEST_CONCURRENCY": "many"}, "bad settings: INGEST_CONCURRENCY: "),
        ({"LOG_FORMAT": "xml"}, "bad settings: LOG_FORMAT: .*'json'"),
        ({"ENVIRONMENT": "prod", "POSTGRES_DSN": "postgresql://ingest:ingest@db/shop"}, "POSTGRES_DSN is the demo's"),
        ({"CONTRACTS_DIR": "nowhere"}, r"there is no \*\.odcs\.yaml in nowhere"),
    ],
)
def test_a_bad_setting_is_named_and_its_value_is_not_shown(
    settings: dict[str, str], said: str, things: CommandLine
) -> None:
    refused(things.run("run", **settings), said)


@pytest.mark.parametrize("arguments", [["run", "--strem", "x"], ["rnu"], ["show", "things"], ["show", "things", "0"]])
def test_a_misspelt_command_line_ends_in_its_usage(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)


# The source


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("nonsense", "POSTGRES_DSN is not a connection string.*postgresql://user:password@host"),
        (f"postgresql://ingest:{SECRET}%zz@127.0.0.1/shop", "POSTGRES_DSN is not a connection string"),
        (f"postgresql://ingest:at@{SECRET}@127.0.0.1/shop", "percent-encoded"),
        (f"postgresql://ingest:{SECRET}/slash@127.0.0.1/shop", "percent-encoded"),
        (f"postgresql://ingest:{SECRET}@no-such-host.invalid/shop", "is its host in POSTGRES_DSN right?"),
        (f"postgresql://ingest:{SECRET}@127.0.0.1:port/shop", "POSTGRES_DSN"),
    ],
)
def test_a_bad_dsn_is_refused_without_showing_it(dsn: str, said: str, things: CommandLine) -> None:
    refused(things.run("run", POSTGRES_DSN=dsn), said, secrets=("s3cret",))


def test_a_wrong_password_database_or_port_is_told_apart(
    things: CommandLine, empty_database: str, source_world: World
) -> None:
    password = password_of(empty_database)
    wrong = empty_database.replace(password, SECRET)
    refused(things.run("run", POSTGRES_DSN=wrong), "password authentication failed.*login and password in POSTGRES_DSN")
    absent = empty_database.rpartition("/")[0] + "/absent"
    refused(
        things.run("run", POSTGRES_DSN=absent),
        'database "absent" does not exist.*Correct the database in POSTGRES_DSN',
        secrets=(password,),
    )
    down = re.sub(r":\d+/", f":{closed_port()}/", empty_database)
    refused(things.run("run", POSTGRES_DSN=down), "Is Postgres up, and is POSTGRES_DSN right", secrets=(password,))
    assert list(source_world.store.list("")) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "alter table things drop column label",
            "things: the source no longer matches.*column 'label'.*no such column",
        ),
        ("alter table things alter label type uuid using null", "column 'label': .*says text, the source has uuid"),
        ("alter table things rename column updated_at to changed_at", "column 'updated_at': .*no such column"),
        ("drop table things", r"public\.things: .*nothing of that name"),
    ],
)
def test_a_source_that_is_not_as_the_contract_says_lands_nothing(
    change: str, said: str, things: CommandLine, source_world: World, empty_database: str
) -> None:
    source_world.execute(change)
    refused(things.run("run"), said, secrets=(password_of(empty_database),))
    assert list(source_world.store.list("")) == []


def test_rows_that_no_type_of_the_lake_holds_refuse_the_batch(things: CommandLine, source_world: World) -> None:
    source_world.execute(
        "alter table things disable trigger touch; update things set updated_at = '-infinity' where id = 2;"
        "alter table things enable trigger touch"
    )
    refused(
        things.run("run"),
        "things: 1 of 3 records break the contract.*outside the years 1 to 9999.*`ingest run --stream things`",
    )
    assert list(source_world.store.list("")) == []


# Contracts


def _unknown_type(document: Document) -> None:
    column(document, "label")["physicalType"] = "varchr"


def _no_key(document: Document) -> None:
    column(document, "id")["primaryKey"] = False


def _absent_cursor(document: Document) -> None:
    set_custom(document, "cursor", "changed_at")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_unknown_type, r"things\.odcs\.yaml: column 'label': type 'varchr' is not known\. Correct it"),
        (_no_key, r"things\.odcs\.yaml: the contract has no primary key, .*\. Mark"),
        (_absent_cursor, r"things\.odcs\.yaml: cursor 'changed_at': there is no such column\. Add it"),
    ],
)
def test_a_bad_contract_stops_before_anything_is_touched(
    spoil: Callable[[Document], None], said: str, things: CommandLine, source_world: World
) -> None:
    document = good_document()
    spoil(document)
    things.write_contract("things", text_of(document))
    refused(things.run("run"), said)
    assert list(source_world.store.list("")) == []


# The provider


def test_a_missing_or_wrong_api_key_is_told(
    events: CommandLine, mock_saas_server: SaasServer, store: ObjectStore
) -> None:
    url = mock_saas_server.base_url
    refused(events.run("run", SAAS_BASE_URL=url, SAAS_API_KEY=""), "there is no API key. Set SAAS_API_KEY")
    refused(
        events.run("run", SAAS_BASE_URL=url),
        f"email_events: the API refuses the key at {url}/v1/events: 40[13] .*Check SAAS_API_KEY",
        secrets=(mock_saas_server.api_key,),
    )
    refused(events.run("run", SAAS_BASE_URL=url, SAAS_API_KEY=f"{SECRET}\n"), "line break.*Correct SAAS_API_KEY")
    assert list(store.list("")) == []


def test_an_api_that_does_not_answer_or_is_another_one_is_told(events: CommandLine, s3_server: S3Server) -> None:
    nowhere = f"http://127.0.0.1:{closed_port()}"
    refused(events.run("run", SAAS_BASE_URL=nowhere), f"the API at {nowhere} does not answer.*is SAAS_BASE_URL right")
    refused(events.run("run", SAAS_BASE_URL="localhost:8090"), "Correct SAAS_BASE_URL")
    refused(events.run("run", SAAS_BASE_URL=s3_server.endpoint_url), "SAAS_BASE_URL|SAAS_API_KEY")


def test_a_record_that_is_no_object_is_quarantined_or_refuses_the_batch(
    events: CommandLine, provider: FakeProvider, store: ObjectStore
) -> None:
    provider.records = [good_event(1), *["5"] * 6, good_event(2)]
    done = events.run("run", SAAS_BASE_URL=provider.base_url)
    refused(done, "email_events: 6 of 8 records break the contract.*Expected `object`, got `int`")
    assert list(store.list("")) == []

    provider.records = [good_event(1), "5", good_event(2)]
    done = events.run("run", SAAS_BASE_URL=provider.base_url)
    assert done.exit_code == 0
    head = CommitLog(store, "email_events").head()
    assert head is not None
    assert (head.counts.landed, head.counts.quarantined) == (2, 1)


# The lake


def test_a_lake_that_cannot_be_used_is_told(things: CommandLine, tmp_path: Path) -> None:
    refused(things.run("run", RAW_BUCKET="no-such-bucket"), "there is no bucket s3://no-such-bucket.*RAW_BUCKET")
    refused(things.run("run", AWS_ENDPOINT_URL="localhost:9000"), "AWS_ENDPOINT_URL: it is no http")
    nowhere = f"http://127.0.0.1:{closed_port()}"
    refused(things.run("run", AWS_ENDPOINT_URL=nowhere), f"S3 at {nowhere} does not answer.*AWS_ENDPOINT_URL")
    nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CONFIG_FILE": "-"}
    without = replace(
        things,
        environment={
            name: value
            for name, value in things.environment.items()
            if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        },
    )
    refused(without.run("run", **nobody), "there are no AWS credentials. Set AWS_ACCESS_KEY_ID")


def test_a_login_that_s3_refuses_and_a_writer_that_was_quicker_are_told(
    things: CommandLine, s3_server: S3Server, source_world: World
) -> None:
    with s3_proxy(s3_server) as proxy:
        proxy.expect(Fault("GET", 403, s3_error("SignatureDoesNotMatch")))
        refused(
            things.run("run", AWS_ENDPOINT_URL=proxy.endpoint_url),
            r"S3 refuses to read .*\(SignatureDoesNotMatch\)\. Check AWS_ACCESS_KEY_ID",
        )
        proxy.expect(Fault("PUT", 412, s3_error("PreconditionFailed"), path_end="1.json"))
        lost = things.run("run", AWS_ENDPOINT_URL=proxy.endpoint_url)
    refused(
        lost,
        "things: another writer committed version 1 first; .*nothing is doubled. The next run goes on",
        exit_code=3,
    )
    assert "another writer won" in lost.out
    assert CommitLog(source_world.store, "things").head() is None
