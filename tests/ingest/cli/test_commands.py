"""The effects and output of the `ingest` commands: landing, logs, replay, backfill, orphans, verify."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from ingest.cli.app import app
from ingest.lake.commit import Commit, CommitKind
from ingest.lake.gc import find_orphans
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore, StoredObject
from ingest.settings import LakeSettings
from tests.ingest.cli.command import CommandLine
from tests.ingest.cli.refusals import refused
from tests.ingest.run.world import ITEMS, World
from tests.ingest.sources.api.fake_provider import FakeProvider, good_event

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
    assert [line.split()[:2] for line in log[1:]] == [["1", "data"], ["2", "deletes"], ["3", "replay"]]
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
    """A stream with a commit that has a quarantined row, and files that no commit names.

    Returns the committed files.
    """
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
