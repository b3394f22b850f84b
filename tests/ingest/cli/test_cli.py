"""The command line: bad input and bad days end in one clear message, exit code 2 and nothing landed."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from ingest.cli.app import app
from ingest.contracts.registry import PACKAGED
from ingest.lake.commit import Commit, CommitKind
from ingest.lake.gc import find_orphans
from ingest.lake.log import CommitLog
from ingest.lake.store import ObjectStore, StoredObject
from ingest.settings import LakeSettings
from local.servers.s3_server import SECRET_ACCESS_KEY, S3Server
from local.servers.saas_server import SaasServer
from tests.ingest.cli.command import CommandLine, Finished
from tests.ingest.contracts.contract_text import Document, column, good_document, set_custom, text_of
from tests.ingest.lake.s3_proxy import Fault, s3_error, s3_proxy
from tests.ingest.run.world import ITEMS, World
from tests.ingest.sources.api.fake_provider import FakeProvider, fake_provider, good_event

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THINGS = """
create table things (id bigint primary key, label text, updated_at timestamptz not null default now());
create function touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
create trigger touch before update on things for each row execute function touch();
insert into things select n, 'thing ' || n from generate_series(1, 3) n
"""
SECRET = "the-s3cret-that-nobody-may-see"


def refused(done: Finished, said: str, *, exit_code: int = 2, secrets: tuple[str, ...] = ()) -> None:
    """The command ended as bad input does: one message that says `said`, no traceback, no secret."""
    everything = done.out + done.err
    assert done.exit_code == exit_code, everything
    assert "Traceback" not in everything
    assert len(done.messages) == 1, done.messages
    assert done.messages[0].startswith("error ")
    assert re.search(said, done.messages[0]), done.messages[0]
    for secret in (*secrets, SECRET, SECRET_ACCESS_KEY):
        assert secret not in everything


def password_of(dsn: str) -> str:
    return dsn.partition("://")[2].rpartition("@")[0].partition(":")[2]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def things(command_line: CommandLine, source_world: World) -> CommandLine:
    """A command line with one good contract, of a table with three rows."""
    source_world.execute(THINGS)
    command_line.write_contract("things", text_of(good_document()))
    return command_line


@pytest.fixture
def events(command_line: CommandLine) -> CommandLine:
    """A command line with the contract of the e-mail events."""
    shutil.copy(PACKAGED / "email_events.odcs.yaml", command_line.contracts)
    return replace(command_line, environment={**command_line.environment, "SAAS_API_KEY": SECRET})


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with fake_provider() as running:
        yield running


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


# What goes well


def command_names() -> list[list[str]]:
    import typer.main

    group = typer.main.get_command(app)
    names: list[list[str]] = [[]]
    for name, command in sorted(getattr(group, "commands", {}).items()):
        names.append([name])
        names.extend([name, inner] for inner in sorted(getattr(command, "commands", {})))
    return names


@pytest.mark.parametrize("command", command_names(), ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    done = CliRunner().invoke(app, [*command, "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output
    undocumented = [line for line in done.output.splitlines() if re.match(r"^\W*--[\w-]+\s*[A-Z]*\W*$", line)]
    assert undocumented == []


def test_the_commands_are_those_of_the_manual() -> None:
    assert [" ".join(name) for name in command_names()] == [
        "",
        "backfill",
        "contract",
        "contract accept",
        "contract check",
        "contract new",
        "doctor",
        "gc",
        "keys",
        "log",
        "quarantine",
        "quarantine list",
        "quarantine retry",
        "quarantine show",
        "replay",
        "run",
        "show",
        "streams",
        "verify",
    ]


def test_a_stream_is_landed_looked_at_and_replayed(things: CommandLine, source_world: World) -> None:
    before = things.run("streams")
    assert re.search(r"things +public\.things +by updated_at +id +keys +never run", before.out)

    landed = things.run("run", "--no-keys")
    assert (landed.exit_code, landed.messages) == (0, [])
    assert re.search(r"things +3 .*landed", landed.out)
    again = things.run("run", "--no-keys")
    assert re.search(r"things +0 .*nothing new", again.out)
    keys = things.run("keys", "things")
    assert keys.exit_code == 0
    replayed = things.run("replay", "things", "--from-version", "1")
    assert "things: version 3 asks for versions 1 to 2 again" in replayed.out

    log = things.run("log", "things").out.splitlines()
    assert [line.split()[:2] for line in log[1:]] == [["1", "data"], ["2", "keys"], ["3", "replay"]]
    assert [line.split()[0] for line in things.run("log", "things", "--last", "1").out.splitlines()[1:]] == ["3"]
    shown = Commit.decode(things.run("show", "things", "1").out.encode())
    assert shown == CommitLog(source_world.store, "things").read(1)
    assert re.search(r"things .* 3 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", things.run("streams").out)


def test_a_backfill_from_the_beginning_of_time_lands_everything_and_leaves_the_watermark(
    things: CommandLine, source_world: World
) -> None:
    source_world.execute("insert into things values (0, 'old', '1999-12-31 23:59:59+00')")
    things.run("run", "--no-keys")
    before = CommitLog(source_world.store, "things").head()
    assert things.run("backfill", "things", "--from", "0001-01-01", "--to", "2001-01-01").exit_code == 0
    after = CommitLog(source_world.store, "things").head()
    assert before is not None
    assert after is not None
    assert (after.version, after.kind, after.rows) == (2, CommitKind.BACKFILL, 1)
    assert after.watermark.after == before.watermark.after


def test_logs_are_json_with_run_and_stream_unless_asked_otherwise(
    things: CommandLine, events: CommandLine, provider: FakeProvider
) -> None:
    provider.records = [good_event(1)]
    provider.refusals = [(503, {"Retry-After": "0"})]
    done = events.run("run", "--no-keys", SAAS_BASE_URL=provider.base_url, WAIT_BUDGET_SECONDS="5")
    assert done.exit_code == 0
    by_event = {line["event"]: line for line in done.logs if line["stream"] == "email_events"}
    assert set(by_event) == {"retrying", "landed"}
    assert len({line["run_id"] for line in done.logs}) == 1
    assert {line["stream"] for line in done.logs} == {"things", "email_events"}
    assert by_event["landed"]["versions"] == [1]
    assert by_event["landed"]["rows"] == 1

    readable = things.run("run", "--stream", "things", LOG_FORMAT="console")
    assert readable.logs == []
    assert "landed" in readable.err


def test_a_table_of_odd_names_is_printed_as_it_is_called(command_line: CommandLine, source_world: World) -> None:
    source_world.execute('create table "[red]x[/red]" ("[bold]id" int primary key)')
    command_line.run("contract", "new", "public.[red]x[/red]")
    shown = command_line.run("streams")
    assert "public.[red]x[/red]" in shown.out
    assert "[bold]id" in shown.out
    source_world.execute('drop table "[red]x[/red]"')
    check = command_line.run("contract", "check")
    assert "public.[red]x[/red]: the contract says a table" in check.out


# Orphans


ORPHANS = {
    "inventory/items/dt=2026-01-31/0000000009-0000-abcdefabcdef.parquet",
    "_quarantine/items/dt=2026-01-31/0000000009-0000-abcdefabcdef.parquet",
}
OF_OTHERS = {
    "inventory/items_2/dt=2026-01-31/0000000001-0000-abcdefabcdef.parquet",
    "_quarantine/items_2/dt=2026-01-31/0000000001-0000-abcdefabcdef.parquet",
    "_log/items_2/00000000000000000001.json",
    "somebody/else.parquet",
}


@pytest.fixture
def littered(source_world: World) -> set[str]:
    """A stream with a commit that has a row in quarantine, and files that no commit of it names: what is committed."""
    source_world.execute(f"{ITEMS}; insert into items values (1, 'x', default), (2, 'y', '-infinity')")
    source_world.run(source_world.contract("items", max_quarantine_ratio=0.9))
    committed = {item.key for item in source_world.store.list("")}
    assert any(key.startswith("_quarantine/items/") for key in committed)
    for key in (*ORPHANS, *OF_OTHERS):
        source_world.store.put(key, b"left over")
    return committed


def test_orphans_are_shown_then_removed_and_nothing_else(
    command_line: CommandLine, source_world: World, littered: set[str]
) -> None:
    command_line.run("contract", "new", "items")
    keys = littered | ORPHANS | OF_OTHERS

    young = command_line.run("gc")
    assert re.findall("left, within the grace period: (.*)", young.out) == sorted(ORPHANS, reverse=True)
    assert "0 orphans removed" in young.out
    shown = command_line.run("gc", "--dry-run", "--grace-hours", "0")
    assert set(re.findall(r"would remove (\S+)", shown.out)) == ORPHANS
    assert {item.key for item in source_world.store.list("")} == keys
    removed = command_line.run("gc", "--grace-hours", "0")
    assert "2 orphans removed, 18 B." in removed.out
    assert {item.key for item in source_world.store.list("")} == keys - ORPHANS


class AgedStore(ObjectStore):
    """A store whose clock makes the keys in `old` two days older."""

    old: frozenset[str] = frozenset()

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[StoredObject]:
        for item in super().list(prefix, start_after=start_after):
            yield replace(item, modified=item.modified - timedelta(days=2 if item.key in self.old else 0))


def test_only_orphans_beyond_the_grace_period_are_old(
    source_world: World, littered: set[str], lake_settings: LakeSettings, s3_client: S3Client
) -> None:
    """However old a committed file is, it is no orphan."""
    data, quarantined = sorted(ORPHANS, reverse=True)
    store = AgedStore(lake_settings, s3_client)
    store.old = frozenset(littered | {quarantined})
    found = find_orphans(store, source_world.contract("items"), grace=timedelta(days=1))
    assert [item.key for item in found.old] == [quarantined]
    assert [item.key for item in found.young] == [data]


# Whole tables compared


def test_verify_names_what_differs_and_ends_with_1_until_it_is_repaired(
    things: CommandLine, source_world: World
) -> None:
    things.run("run")
    equal = things.run("verify")
    assert (equal.exit_code, equal.messages) == (0, [])
    assert re.search(r"things +2 +3 .*equal", equal.out)

    source_world.execute("alter table things disable trigger touch; update things set label = 'lost' where id = 2")
    differs = things.run("verify", "things")
    assert differs.exit_code == 1
    assert "things: 1 row changed in label (id=2)" in differs.err
    assert "`ingest verify things --repair`" in differs.err
    assert things.run("verify").exit_code == 1

    repaired = things.run("verify", "--repair")
    assert repaired.exit_code == 0
    assert re.search(r"landed in version 3\nthings: 1 row changed in label \(id=2\)", repaired.out)
    assert things.run("verify", "things").exit_code == 0


def test_verify_of_a_stream_that_is_none_or_cannot_be_read(things: CommandLine, source_world: World) -> None:
    refused(things.run("verify", "thing"), "thing")
    assert re.search(r"nothing was landed", things.run("verify").out)
    source_world.execute("drop table things")
    refused(things.run("verify"), "things: .*no longer matches its contract")
