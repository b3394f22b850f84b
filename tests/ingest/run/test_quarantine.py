"""Records that break their contract: kept to the byte, shown, and landed once they fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from ingest.contracts.model import StreamContract
from ingest.contracts.parse import load_contract
from ingest.contracts.registry import PACKAGED
from ingest.lake.batch import Batch, BatchOrigin
from ingest.lake.commit import Commit, CommitKind, Counts, unmoved
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.quarantine import Quarantine, read_columns
from ingest.sources.api.records import RecordDecoder
from tests.ingest.cli.command import CommandLine
from tests.ingest.run.world import World
from tests.ingest.sources.api.fake_provider import RECEIVED_AT, FakeProvider, fake_provider, good_event

GOODS = """
create function touch() returns trigger language plpgsql as
  $$ begin new.updated_at := now(); return new; end $$;
create table goods (
  "Kind, it's" text, number numeric(4,1), price numeric(10,2), day date, body json,
  updated_at timestamptz not null default now(), primary key (number, "Kind, it's")
);
create trigger touch before update on goods for each row execute function touch();
"""
REFUSED = """
insert into goods values
  ('a', 1.0, 'NaN', null, '{"b": 1,  "a": "\\u0000"}'), ('it''s %', 2, 1, '-infinity', '1'), ('ü', 3, 'NaN', null, null)
"""


@pytest.fixture
def goods(command_line: CommandLine, source_world: World) -> CommandLine:
    """Twenty good rows and three that do not fit, landed."""
    source_world.execute(GOODS)
    source_world.execute("insert into goods select 'good', g, g, '2026-01-31', '{}' from generate_series(1, 20) g")
    assert command_line.run("contract", "new", "goods").exit_code == 0
    path = command_line.contracts / "goods.odcs.yaml"
    path.write_text(path.read_text().replace("value: 0.0", "value: 1.0"))
    source_world.execute(REFUSED)
    assert command_line.run("run").exit_code == 0
    return command_line


def open_records(goods: CommandLine) -> list[dict[str, object]]:
    return [json.loads(line) for line in goods.run("quarantine", "show", "goods", "--json").out.splitlines()]


def goods_contract(goods: CommandLine) -> StreamContract:
    return load_contract(goods.contracts / "goods.odcs.yaml")


def test_refused_rows_are_listed_and_shown_with_reason_place_key_and_record(goods: CommandLine) -> None:
    listed = goods.run("quarantine", "list").out
    assert "column 'price': a decimal holds no NaN or infinity" in listed
    assert "column 'day': outside the years 1 to 9999" in listed
    first, second, third = open_records(goods)

    assert (first["version"], first["position"], third["position"]) == (1, 21, 23)
    assert json.loads(str(second["key"])) == {"number": 2.0, "Kind, it's": "it's %"}
    assert '"body":{"b": 1,  "a": "\\u0000"}' in str(first["record"]), "as Postgres holds it"
    assert '"price":"NaN"' in str(first["record"])
    shown = goods.run("quarantine", "show", "goods", "--version", "1", "--position", "22").out
    assert "version 1, position 22: column 'day'" in shown
    raw = goods.spawn("quarantine", "show", "goods", "--version", "1", "--position", "21", "--raw")
    assert raw.out == first["record"]
    refused = goods.run("quarantine", "show", "goods", "--raw")
    assert (refused.exit_code, refused.out) == (2, "")
    assert "3 are named so. Give --version and --position" in refused.messages[0]


def test_a_retry_lands_what_fits_now_settles_what_is_gone_and_leaves_the_rest(
    goods: CommandLine, source_world: World
) -> None:
    source_world.execute("alter table goods disable trigger all")  # so that no cursor moves
    source_world.execute("update goods set price = 7 where number = 1 and price = 'NaN'")
    source_world.execute("delete from goods where day = '-infinity'")
    done = goods.run("quarantine", "retry", "goods")
    assert done.exit_code == 0
    assert "of 3 open records, 1 landed, 1 were settled without landing" in done.out
    [left] = open_records(goods)
    assert left["position"] == 23

    commits = source_world.commits(goods_contract(goods))
    again = goods.run("quarantine", "retry", "goods")
    assert "of 1 open records, 0 landed, 0 were settled" in again.out
    assert source_world.commits(goods_contract(goods)) == commits
    retried = commits[-1]
    assert retried.kind is CommitKind.BACKFILL
    assert [(item.version, item.positions) for item in retried.settles] == [(1, (21, 22))]
    assert retried.watermark.after == commits[0].watermark.after
    listed = goods.run("quarantine", "list", "--all").out
    assert f"settled by version {retried.version}" in listed

    assert goods.run("run").exit_code == 0
    source_world.execute("delete from goods where price = 'NaN'")
    assert goods.run("run").exit_code == 0
    current = source_world.current(goods_contract(goods))
    assert [row["price"] for key, row in current.items() if key[1] == "a"] == [Decimal("7.00")]
    assert set(current) == set(source_world.query('select number, "Kind, it\'s" from goods'))


def test_a_row_that_is_refused_again_is_open_once(goods: CommandLine, source_world: World) -> None:
    source_world.execute("update goods set day = '2026-02-01' where number = 3 and price = 'NaN'")
    assert goods.run("run").exit_code == 0
    [*_, newest] = open_records(goods)
    assert len(open_records(goods)) == 3
    assert newest["version"] != 1
    assert '"day":"2026-02-01"' in str(newest["record"])


def test_columns_that_are_excluded_are_not_in_quarantine_either(goods: CommandLine, source_world: World) -> None:
    path = goods.contracts / "goods.odcs.yaml"
    document = yaml.safe_load(path.read_text())
    document["schema"][0]["customProperties"].append({"property": "excludedColumns", "value": ["secret"]})
    path.write_text(yaml.safe_dump(document))
    source_world.execute("alter table goods add secret text default 'hidden'; update goods set price = price")
    assert goods.run("run").exit_code == 0
    assert "hidden" not in goods.run("quarantine", "show", "goods").out


def test_a_stream_that_is_landed_whole_needs_no_retry(command_line: CommandLine, source_world: World) -> None:
    source_world.execute("create table t (id int primary key, n numeric(5,2)); insert into t values (1, 1), (2, 'NaN')")
    command_line.run("contract", "new", "t")
    path = command_line.contracts / "t.odcs.yaml"
    path.write_text(path.read_text().replace("value: 0.0", "value: 1.0"))
    assert command_line.run("run").exit_code == 0
    refused = command_line.run("quarantine", "retry", "t")
    assert refused.exit_code == 2
    assert "ingest run --stream t" in refused.messages[0]

    source_world.execute("update t set n = 2 where id = 2")
    assert command_line.run("run").exit_code == 0
    assert "Quarantine is empty." in command_line.run("quarantine", "list").out
    assert "nothing is open" in command_line.run("quarantine", "retry", "t").out


# What an API gave


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with fake_provider() as running:
        yield running


def teleported(number: int) -> str:
    return good_event(number).replace('"sent"', '"teleported"').replace(", ", " ,\t")


@pytest.fixture
def events(command_line: CommandLine, provider: FakeProvider) -> CommandLine:
    """Two hundred good events, and three of a type that the contract does not know."""
    text = (PACKAGED / "email_events.odcs.yaml").read_text()
    command_line.write_contract("email_events", text)
    provider.records = [*(good_event(number) for number in range(200)), *(teleported(n) for n in (900, 901)), "5"]
    line = CommandLine(
        command_line.folder,
        command_line.environment | {"SAAS_BASE_URL": provider.base_url, "SAAS_API_KEY": "key"},
    )
    assert line.run("run").exit_code == 0
    return line


def test_records_that_are_no_json_are_quarantined_to_the_byte_and_the_rest_of_their_page_lands(
    command_line: CommandLine, provider: FakeProvider, store: ObjectStore
) -> None:
    command_line.write_contract("email_events", (PACKAGED / "email_events.odcs.yaml").read_text())
    half_a_surrogate = good_event(900)[:-1] + r', "note": "\ud83d"}'
    deep = good_event(901)[:-1] + ', "note": ' + "[" * 1000 + "]" * 1000 + "}"
    nan = good_event(902)[:-1] + ', "note": NaN}'
    provider.records = [half_a_surrogate, *(good_event(number) for number in range(300)), deep, nan]
    line = CommandLine(
        command_line.folder, command_line.environment | {"SAAS_BASE_URL": provider.base_url, "SAAS_API_KEY": "key"}
    )
    assert line.run("run").exit_code == 0
    contract = load_contract(line.contracts / "email_events.odcs.yaml")
    head = CommitLog(store, "email_events").head()
    assert head is not None
    assert head.counts == Counts(read=303, landed=300, quarantined=3)
    refused = Quarantine(store, contract).open()
    assert [item.record for item in refused] == [record.encode() for record in (half_a_surrogate, deep, nan)]
    assert [item.position for item in refused] == [1, 302, 303]
    assert [item.key for item in refused] == [f'{{"event_id":"evt_{number}"}}' for number in (900, 901, 902)]


def campaign(number: int) -> str:
    return json.dumps(
        {
            "campaign_id": f"cmp_{number}",
            "name": "Spring",
            "subject": "Hello",
            "status": "sent",
            "from_address": "shop@mail.example",
            "promoted_skus": [],
            "budget": "10.00",
            "currency": "EUR",
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": RECEIVED_AT,
        }
    )


def test_a_record_without_a_readable_key_leaves_deletions_alone_and_the_rest_lands(
    command_line: CommandLine, provider: FakeProvider, store: ObjectStore
) -> None:
    """A campaign that is no JSON still shows its key; one without a key could be any of those that are gone."""
    command_line.write_contract("campaigns", (PACKAGED / "campaigns.odcs.yaml").read_text())
    line = CommandLine(
        command_line.folder, command_line.environment | {"SAAS_BASE_URL": provider.base_url, "SAAS_API_KEY": "key"}
    )
    good = [campaign(number) for number in range(200)]
    provider.records = [*good, campaign(900)[:-1] + r', "note": "\ud83d"}']
    assert line.run("run").exit_code == 0
    log = CommitLog(store, "campaigns")
    data, deletes = log.read(1), log.read(2)
    assert data is not None
    assert deletes is not None
    assert deletes.key_set is not None
    assert data.counts == Counts(read=201, landed=200, quarantined=1)
    assert (deletes.kind, deletes.counts.landed, deletes.key_set.rows) == (CommitKind.DELETES, 0, 201)

    provider.records = [*good, "NaN"]
    done = line.run("run")
    assert done.exit_code == 0
    assert "deletions were not looked for" in done.err
    later = [log.read(version) for version in (3, 4)]
    assert CommitKind.DELETES not in {commit.kind for commit in later if commit is not None}


def admit(events: CommandLine) -> StreamContract:
    """Teach the contract the new type."""
    path: Path = events.contracts / "email_events.odcs.yaml"
    text = path.read_text()
    path.write_text(text.replace("- value: sent\n", "- value: sent\n      - value: teleported\n", 1))
    return load_contract(path)


def test_a_retry_decodes_the_kept_records_by_the_contract_of_today(events: CommandLine, store: ObjectStore) -> None:
    assert "3 still break the contract" in events.run("quarantine", "retry", "email_events").out
    contract = admit(events)
    done = events.run("quarantine", "retry", "email_events", SAAS_BASE_URL="http://127.0.0.1:9")
    assert "of 3 open records, 2 landed, 0 were settled without landing" in done.out

    head = CommitLog(store, "email_events").head()
    assert head is not None
    payloads = [read_columns(store, file)["payload"].to_pylist() for file in head.files]
    assert payloads == [[teleported(900), teleported(901)]]
    assert [record.record for record in Quarantine(store, contract).open()] == [b"5"]
    assert "of 1 open records, 0 landed" in events.run("quarantine", "retry", "email_events").out
    assert CommitLog(store, "email_events").head() == head


def test_a_retry_never_sets_a_key_back_that_was_landed_since(events: CommandLine, store: ObjectStore) -> None:
    contract = admit(events)
    land(store, contract, good_event(900))
    done = events.run("quarantine", "retry", "email_events")
    assert "of 3 open records, 1 landed, 1 were settled without landing" in done.out
    head = CommitLog(store, "email_events").head()
    assert head is not None
    assert [read_columns(store, file)["event_id"].to_pylist() for file in head.files] == [["evt_901"]]


def land(store: ObjectStore, contract: StreamContract, record: str) -> Commit:
    """Land one more record, as a later delivery of it would be."""
    head = CommitLog(store, contract.stream).head()
    rows = RecordDecoder(contract).decode([record.encode()], first_position=1).rows
    origin = BatchOrigin("later", head, datetime.now(UTC))
    with Batch(
        store, contract, origin, kind=CommitKind.DATA, columns=rows.schema, target_file_bytes=10**6
    ) as batch:  # fmt: skip
        batch.write(rows)
        return batch.commit(window=None, watermark=unmoved(head))
