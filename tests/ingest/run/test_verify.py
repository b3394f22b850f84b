"""Changes that an incremental run cannot see: verify finds them by key and content, and its repair lands them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from ingest.contracts.author import draft_contract
from ingest.contracts.introspect import live_tables
from ingest.contracts.model import ChildTables, Deletes, Mode, StreamContract
from ingest.contracts.parse import parse_contract
from ingest.contracts.registry import ContractRegistry
from ingest.errors import DamagedLakeError
from ingest.lake.commit import CommitKind
from ingest.run.runner import open_ingestion
from ingest.verify.report import Found, LostUpdatesError, Verification, require_equal
from tests.ingest.run.test_local_cursors import ORDERS, contract_of
from tests.ingest.run.world import ITEMS, World
from tests.ingest.sources.api.fake_provider import FakeProvider, fake_provider, good_event


@pytest.fixture
def items(world: World) -> World:
    world.execute(ITEMS)
    world.execute("insert into items select g, 'row ' || g from generate_series(1, 1000) g")
    return world


def verify(world: World, contract: StreamContract, *, repair: bool = False) -> Verification:
    with open_ingestion(world.settings, [contract], "verify", store=world.store) as run:
        return run.verify(contract.stream, repair=repair)


def behind_the_cursor(world: World, *statements: str, table: str = "items") -> None:
    """Run statements with triggers off."""
    world.execute(f"alter table {table} disable trigger user")
    for statement in statements:
        world.execute(statement)
    world.execute(f"alter table {table} enable trigger user")


def test_changes_that_moved_no_cursor_are_found_named_and_landed(items: World) -> None:
    contract = items.contract("items")
    items.run(contract)
    assert verify(items, contract).differs is False

    behind_the_cursor(
        items,
        "update items set value = 'lost' where id in (7, 8)",
        "insert into items values (5000, 'late', '2001-01-01')",
        "delete from items where id = 9",
    )
    items.run(contract, keys=False)  # sees none of it
    commits = len(items.commits(contract))
    found = verify(items, contract)

    assert (found.changed, found.missing, found.extra) == (
        Found(2, ("id=7", "id=8")),
        Found(1, ("id=5000",)),
        Found(1, ("id=9",)),
    )
    assert (found.equal, found.in_flight, found.columns, found.looked_at) == (997, 0, (("value", 2),), 2)
    assert len(items.commits(contract)) == commits
    with pytest.raises(LostUpdatesError, match=r"(?s)items: 2 rows changed in value .*ingest verify items --repair"):
        require_equal([found])

    watermark = items.commits(contract)[-1].watermark.after
    repaired = verify(items, contract, repair=True)
    assert repaired.landed == (commits + 1, commits + 2)
    assert not repaired.remains
    require_equal([repaired])
    rows, keys = items.commits(contract)[-2:]
    assert (rows.kind, rows.counts.landed, keys.kind) == (CommitKind.BACKFILL, 3, CommitKind.DELETES)
    assert keys.watermark.after == watermark
    items.assert_equal_to_source(contract)
    after = verify(items, contract)
    assert (after.differs, after.equal, after.version) == (False, 1000, commits + 2)


def test_rows_that_the_next_run_may_land_are_not_compared(items: World) -> None:
    contract = items.contract("items")
    items.run(contract)
    items.execute("update items set value = 'new' where id <= 3")
    items.execute("insert into items values (5000, 'new')")
    found = verify(items, contract)
    assert (found.differs, found.in_flight, found.equal) == (False, 4, 997)

    with items.other_session() as other, other.cursor() as cursor:
        cursor.execute("update items set value = 'open' where id = 4")
        items.execute("update items set value = 'committed' where id = 5")
        items.run(contract)
        found = verify(items, contract)
        assert (found.differs, found.in_flight) == (False, 1)


def test_what_was_never_landed_is_not_compared(items: World) -> None:
    found = verify(items, items.contract("items"))
    assert (found.note, found.differs) == ("nothing was landed to its end yet", False)


TYPES = {
    "i": ("int", "1", "2"),
    "b": ("bigint", "9223372036854775807", "9223372036854775806"),
    "s": ("smallint", "1", "null"),
    "r": ("real", "0.1", "'NaN'"),
    "d": ("double precision", "0.0", "'-0.0'"),
    "n": ("numeric(38,2)", "123456789012345678901234567890123456.78", "123456789012345678901234567890123456.79"),
    "u": ("numeric", "1.0", "1.00"),
    "t": ("text", "'a'", "'a '"),
    "e": ("text", "''", "null"),
    "c": ("char(3)", "'a'", "'b'"),
    "y": ("bytea", r"'\x00'", r"'\x0000'"),
    "o": ("boolean", "true", "null"),
    "day": ("date", "'0001-01-01'", "'9999-12-31'"),
    "z": ("timestamptz", "'2026-01-01 00:00:00.000001Z'", "'2026-01-01 00:00:00.000002Z'"),
    "p": ("timestamp", "'2026-01-01'", "'2026-01-01 00:00:00.000001'"),
    "j": ("jsonb", """'{"a": 1.0}'""", """'{"a": 1.00}'"""),
    "a": ("int[]", "'{1,2}'", "'{2,1}'"),
    "v": ("interval", "'1 mon'", "'30 days'"),
    "m": ("money", "'1.00'", "'2.00'"),
    'q "x"': ("text", "'x'", "'y'"),
    "größe": ("uuid", "'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'"),
    "version": ("text", "'x'", "'y'"),
    "side": ("inet", "'10.0.0.1'", "'10.0.0.1/31'"),
}


def test_one_value_of_any_type_that_differs_is_named_and_landed_as_it_is(world: World) -> None:
    quoted = {name: '"' + name.replace('"', '""') + '"' for name in TYPES}
    columns = ", ".join(f"{quoted[name]} {type_}" for name, (type_, _, _) in TYPES.items())
    values = ", ".join(value for _, value, _ in TYPES.values())
    world.execute(ITEMS.replace("create table items (", f"create table items ({columns},"))
    world.execute(f"insert into items select {values}, g from generate_series(1, 100) g")
    contract = world.contract("items")
    world.run(contract)
    assert (verify(world, contract).differs, verify(world, contract).equal) == (False, 100)

    for number, (name, (_, _, other)) in enumerate(TYPES.items(), 1):
        behind_the_cursor(world, f"update items set {quoted[name]} = {other} where id = {number}")
    found = verify(world, contract)
    assert found.columns == tuple((name, 1) for name in TYPES)
    assert found.changed.rows == len(TYPES)

    verify(world, contract, repair=True)
    assert verify(world, contract).differs is False
    assert {key[0]: repr(row["d"]) for key, row in world.current(contract).items() if row["d"] is not None}[5] == "-0.0"


def test_columns_that_are_new_widened_text_or_left_out_are_compared_as_they_are_landed(world: World) -> None:
    world.execute("create type mood as enum ('sad', 'ok')")
    world.execute(ITEMS.replace("value text,", "value text, secret text, mood mood, n int, x numeric(5,2), f real,"))
    world.execute("insert into items select g, 'v', 'secret', 'ok', g, 1.5, 0.1 from generate_series(1, 50) g")
    drafted = world.contract("items")
    contract = replace(
        drafted,
        spec=drafted.spec.model_copy(update={"excluded_columns": ("secret",)}),
        columns=tuple(column for column in drafted.columns if column.name != "secret"),
    )
    world.run(contract)
    world.execute("alter table items alter n type bigint, alter x type numeric(9,4), alter f type double precision")
    world.execute("alter table items add added text default 'there'")
    world.execute("update items set n = 5000000000 where id = 1")
    world.run(contract)
    behind_the_cursor(world, "update items set secret = 'other'")
    assert verify(world, contract).differs is False

    behind_the_cursor(world, "update items set x = 1.5001, mood = 'sad' where id = 2", "update items set added = null")
    found = verify(world, contract)
    assert (found.changed.rows, dict(found.columns)) == (50, {"mood": 1, "x": 1, "added": 50})
    verify(world, contract, repair=True)
    assert verify(world, contract).differs is False


def test_rows_that_the_contract_refuses_are_no_difference(items: World) -> None:
    items.execute("alter table items add due date")
    contract = items.contract("items", quarantine_allowance=5)
    items.execute("update items set due = 'infinity' where id = 1")
    items.run(contract)
    behind_the_cursor(items, "update items set due = '-infinity' where id = 2")  # landed as it was before
    found = verify(items, contract)
    assert (found.differs, found.in_flight, found.equal) == (False, 2, 998)

    strict = replace(contract, spec=contract.spec.model_copy(update={"quarantine_allowance": 0}))
    assert verify(items, strict).differs is False

    behind_the_cursor(items, "update items set due = '2026-01-01' where id = 1")  # fits now, and no run sees it
    assert verify(items, contract).missing == Found(1, ("id=1",))
    verify(items, contract, repair=True)
    assert verify(items, contract).differs is False
    from ingest.run.quarantine import Quarantine

    assert Quarantine(items.store, contract).open() == []


def test_a_stream_that_is_landed_whole_is_compared_with_its_newest_snapshot(items: World) -> None:
    contract = items.contract("items", mode=Mode.SNAPSHOT, cursor=None, deletes=Deletes.NONE)
    items.run(contract)
    items.execute(
        "update items set value = 'x' where id = 1; delete from items where id = 2; insert into items values (0)"
    )
    found = verify(items, contract)
    assert (found.changed.rows, found.missing.rows, found.extra.rows) == (1, 1, 1)
    repaired = verify(items, contract, repair=True)
    assert not repaired.remains
    assert items.commits(contract)[-1].kind is CommitKind.SNAPSHOT
    assert verify(items, contract).differs is False


def test_rows_that_are_gone_from_a_stream_without_deletions_remain_and_are_told(items: World) -> None:
    contract = items.contract("items", deletes=Deletes.NONE)
    items.run(contract)
    items.execute("delete from items where id = 1")
    for repair in (False, True):
        found = verify(items, contract, repair=repair)
        assert (found.extra.rows, found.remains, found.landed) == (1, True, ())
    with pytest.raises(LostUpdatesError, match="deletes: keys"):
        require_equal([found])


def test_a_key_that_is_none_is_told(world: World) -> None:
    world.execute(ITEMS.replace("id bigint primary key", "id bigint not null"))
    world.execute("insert into items values (1, 'a'), (1, 'b'), (2, 'c')")
    name = "public.items"
    text = draft_contract(live_tables(world.connection, [name])[name], key=("id",))
    contract = parse_contract(text, origin="items")
    world.run(contract)
    found = verify(world, contract, repair=True)
    assert (found.doubled, found.equal, found.remains) == (Found(1, ("id=1",)), 1, True)
    with pytest.raises(LostUpdatesError, match="does not identify a row"):
        require_equal([found])


def test_keys_that_are_personal_are_counted_and_not_shown(items: World) -> None:
    drafted = items.contract("items")
    personal = tuple(replace(column, pii=column.name == "id") for column in drafted.columns)
    contract = replace(drafted, columns=personal)
    items.run(contract)
    behind_the_cursor(items, "update items set value = 'x' where id = 1")
    assert verify(items, contract).changed == Found(1)


def test_a_file_that_is_not_the_one_that_was_committed_stops_its_stream_by_name(items: World) -> None:
    contract = items.contract("items")
    items.run(contract)
    items.store.put(items.commits(contract)[0].files[0].key, b"another file")
    with pytest.raises(DamagedLakeError, match="items"):
        verify(items, contract)


# The API


@contextmanager
def provider(world: World) -> Iterator[tuple[World, FakeProvider]]:
    with fake_provider() as running:
        settings = world.settings.model_copy(
            update={"saas_base_url": running.base_url, "saas_api_key": SecretStr("key"), "wait_budget_seconds": 0}
        )
        yield World(settings, world.connection, world.store), running


def edited(event: str, **fields: Any) -> str:
    return json.dumps(json.loads(event) | fields)


def test_records_of_the_api_are_compared_by_key_and_to_the_byte(world: World) -> None:
    contract = ContractRegistry.load()["email_events"]
    events = [good_event(number) for number in range(20)]
    with provider(world) as (saas, running):
        running.records = [*events[:-1], "{}", events[3]]  # one is refused, one is delivered twice
        saas.run(contract, count=False)
        found = verify(saas, contract)
        assert (found.differs, found.equal) == (False, 19)

        running.records = [edited(events[0], campaign_id="cmp_2"), *events[1:], "{}"]
        running.records.remove(events[5])
        found = verify(saas, contract)
        assert found.changed == Found(1, ("event_id=evt_0",))
        assert (found.columns, found.missing.keys) == ((("payload", 1),), ("event_id=evt_19",))
        assert found.extra.keys == ("event_id=evt_5",)

        repaired = verify(saas, contract, repair=True)
        assert (len(repaired.landed), repaired.remains) == (1, True)  # what is gone from an append-only stream stays
        after = verify(saas, contract)
        assert (after.changed.rows, after.missing.rows, after.extra.rows) == (0, 0, 1)


def test_a_refused_record_takes_its_key_out_of_the_comparison(world: World) -> None:
    contract = ContractRegistry.load()["email_events"]
    with provider(world) as (saas, running):
        running.records = [good_event(number) for number in range(20)]
        saas.run(contract, count=False)
        running.records[0] = edited(running.records[0], type="nonsense")
        found = verify(saas, contract)
        assert (found.differs, found.in_flight, found.equal) == (False, 1, 19)


def test_differences_are_told_in_words() -> None:
    found = Verification(
        "orders",
        changed=Found(12_000, ("id=1", "id=2")),
        extra=Found(1, ("id=3",)),
        columns=(("status", 900),),
        finds_deletions=False,
    )
    assert found.differences == (
        "12,000 rows changed in status (id=1; id=2, ...)",
        "1 row of the lake gone from the source (id=3), and `deletes: none` keeps them",
    )
    assert re.match("the lake differs from the source in 1 of 1 streams", _told(found))


def _told(found: Verification) -> str:
    with pytest.raises(LostUpdatesError) as caught:
        require_equal([found])
    return caught.value.message


@pytest.mark.parametrize("key", [(), ("id",)])
def test_rows_that_no_unique_key_tells_apart_are_compared_as_a_multiset(world: World, key: tuple[str, ...]) -> None:
    world.execute("create table notes (id int not null, note text)")
    world.execute("insert into notes values (1, 'a'), (1, 'a'), (1, 'b'), (2, null)")
    name = "public.notes"
    text = draft_contract(live_tables(world.connection, [name])[name], key=("id",))
    drafted = parse_contract(text, origin="notes")
    columns = tuple(replace(column, key_position=column.key_position if key else None) for column in drafted.columns)
    contract = replace(drafted, columns=columns)
    world.run(contract)
    found = verify(world, contract)
    assert (found.differs, found.equal) == (False, 4)

    world.execute("delete from notes where ctid in (select min(ctid) from notes); insert into notes values (2, null)")
    found = verify(world, contract)
    assert (found.equal, found.missing.rows, found.extra.rows, found.missing.keys) == (3, 1, 1, ())
    assert not verify(world, contract, repair=True).remains
    assert verify(world, contract).equal == 4


@pytest.mark.parametrize("children", list(ChildTables))
def test_a_table_with_children_is_compared_as_its_contract_reads_it(world: World, children: ChildTables) -> None:
    world.execute(f"{ITEMS}; create table child () inherits (items)")
    world.execute("insert into items values (1, 'a'), (2, 'b'); insert into child values (1, 'c'), (3, 'd')")
    name = "public.items"
    text = draft_contract(live_tables(world.connection, [name])[name], children=children)
    contract = parse_contract(text, origin="items")
    world.run(contract)
    alone = children is ChildTables.EXCLUDE
    found = verify(world, contract)
    assert (found.differs, found.equal) == (False, 2 if alone else 4)

    behind_the_cursor(world, "update items set value = 'lost' where id = 1")
    found = verify(world, contract, repair=True)
    assert (found.changed.rows, found.missing.rows, found.extra.rows) == ((1, 0, 0) if alone else (0, 2, 2))
    assert verify(world, contract).differs is False


def test_a_cursor_in_local_time_divides_what_is_compared_from_what_is_in_flight(world: World) -> None:
    world.execute("set timezone = 'America/New_York'")
    world.execute(f"{ORDERS}; alter table orders alter updated_at set default now()")
    world.execute("insert into orders (id, v) values (1, 'a'), (2, 'b')")
    contract = contract_of(world, "America/New_York")
    world.run(contract)
    world.execute("update orders set v = 'lost' where id = 1; insert into orders (id, v) values (3, 'new')")
    found = verify(world, contract)
    assert (found.changed, found.missing.rows, found.in_flight, found.equal) == (Found(1, ("id=1",)), 0, 1, 1)
    verify(world, contract, repair=True)
    world.run(contract)
    assert (verify(world, contract).differs, verify(world, contract).equal) == (False, 3)
