"""A run that finds nothing new: the number of its S3 requests does not grow with the log, and it is recognised as
quick.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ingest.contracts.author import draft_contract
from ingest.contracts.introspect import live_tables
from ingest.contracts.model import ChildTables, Deletes, Mode, StreamContract
from ingest.contracts.parse import parse_contract
from ingest.lake.objects.store import ObjectStore
from ingest.run import extract_postgres
from ingest.run.runner import open_ingestion
from tests.ingest.run.world import ITEMS, World

INCLUDE_FIRST = (ChildTables.INCLUDE, ChildTables.EXCLUDE)


class CountedStore(ObjectStore):
    """A store that records every request, including retries."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store.settings)
        self.requests: list[str] = []
        self._client.meta.events.register("before-send.s3", self._note)

    def _note(self, request: Any, **_: object) -> None:
        self.requests.append(f"{request.method} {request.url}")


@pytest.mark.parametrize("commits", [1, 12])
def test_an_idle_stream_costs_four_requests_however_long_its_log(world: World, commits: int) -> None:
    world.execute(ITEMS)
    contract = world.contract("items")
    for number in range(commits):
        world.execute("insert into items (id, value) values (%s, 'new')", number)
        world.run(contract, keys=number == commits - 1)
    counted = CountedStore(world.store)

    result = world.run(contract, store=counted, count=False)

    assert result.commits == ()
    assert [line.split()[0] for line in counted.requests] == ["GET", "GET", "GET", "PUT"], counted.requests
    assert "_read.json" in counted.requests[-1]


def test_an_idle_stream_that_is_counted_costs_one_request_more(world: World) -> None:
    world.execute(ITEMS)
    contract = world.contract("items")
    world.run(contract)
    counted = CountedStore(world.store)

    world.run(contract, store=counted)

    assert [line.split()[0] for line in counted.requests] == ["GET", "GET", "GET", "PUT", "PUT"], counted.requests


def test_a_first_run_writes_files_a_commit_and_a_hint_for_each_batch_and_a_mark(world: World) -> None:
    world.execute(ITEMS)
    world.execute("insert into items (id, value) values (1, 'first')")
    contract = world.contract("items")
    counted = CountedStore(world.store)

    world.run(contract, store=counted)

    assert [line.split()[0] for line in counted.requests] == ["GET", "GET", *["PUT"] * 9]


def is_quick(world: World, contract: StreamContract, *, keys: bool = False) -> bool:
    """Return the result of a look at the source, which lands nothing."""
    before = world.commits(contract)
    with open_ingestion(world.settings, [contract], "a look", store=world.store) as run:
        found = run.is_quick(contract.stream, keys=keys)
    assert world.commits(contract) == before
    return found


@pytest.fixture
def large_world(world: World) -> World:
    """A world in which no table with rows is small."""
    return replace(world, settings=world.settings.model_copy(update={"small_table_bytes": 0}))


def test_a_stream_is_quick_where_no_row_has_settled_since(large_world: World) -> None:
    world = large_world
    world.execute(ITEMS)
    world.execute("insert into items (id, value) values (1, 'first')")
    contract = world.contract("items")
    seen = [is_quick(world, contract)]
    for change in (
        "select 1",
        "insert into items (id, value) values (2, 'new')",
        "update items set value = 'changed' where id = 1",
        "alter table items add column colour text",
    ):
        world.run(contract)
        world.execute(change)
        seen.append(is_quick(world, world.contract("items")))

    assert seen == [False, True, False, False, False]
    assert not is_quick(world, contract, keys=True)


@pytest.mark.parametrize(
    ("made", "quick"),
    [
        ("insert into items (id, value) values (1, 'few')", True),
        ("insert into items (id, value) select n, 'many' from generate_series(1, 30000) n", False),
        # Its rows are in one block, its values are not. They cannot be compressed.
        (
            "alter table items alter value set storage external;"
            " insert into items (id, value) values (1, repeat('large', 300000))",
            False,
        ),
    ],
)
def test_a_small_table_is_quick_even_if_all_of_it_and_its_keys_are_to_be_read(
    world: World, made: str, quick: bool
) -> None:
    world.execute(ITEMS)
    world.execute(made)
    assert is_quick(world, world.contract("items"), keys=True) is quick


def test_a_table_whose_rows_lie_elsewhere_too_is_not_small(world: World) -> None:
    world.execute(f"{ITEMS}; create table child () inherits (items)")
    world.execute("create table parted (id bigint primary key, updated_at timestamptz not null) partition by list (id)")
    live = live_tables(world.connection, ["public.items"])["public.items"]
    with_child, alone = (parse_contract(draft_contract(live, children=each), origin="items") for each in INCLUDE_FIRST)

    assert not is_quick(world, with_child)
    assert is_quick(world, alone)
    assert not is_quick(world, world.contract("parted"))


def test_a_table_that_is_landed_whole_is_quick_while_it_is_small(
    large_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = large_world
    world.execute(ITEMS)
    world.execute("insert into items (id, value) values (1, 'first')")
    contract = world.contract("items", mode=Mode.SNAPSHOT, cursor=None, deletes=Deletes.NONE)
    first = is_quick(world, contract)
    world.run(contract)
    small = is_quick(world, contract)
    monkeypatch.setattr(extract_postgres, "_SMALL_BYTES", 1)

    assert (first, small, is_quick(world, contract)) == (False, True, False)
