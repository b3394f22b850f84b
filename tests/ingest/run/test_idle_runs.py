"""A run that finds nothing new: the number of its S3 requests does not grow with the log, and it is recognised as
quick.
"""

from __future__ import annotations

from typing import Any

import pytest

from ingest.contracts.model import Deletes, Mode, StreamContract
from ingest.lake.objects.store import ObjectStore
from ingest.run import extract_postgres
from ingest.run.runner import open_ingestion
from tests.ingest.run.world import ITEMS, World


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


def is_quick(world: World, contract: StreamContract) -> bool:
    """Return the result of a look at the source, which lands nothing."""
    before = world.commits(contract)
    with open_ingestion(world.settings, [contract], "a look", store=world.store) as run:
        found = run.is_quick(contract.stream)
    assert world.commits(contract) == before
    return found


def test_a_stream_is_quick_where_no_row_has_settled_since(world: World) -> None:
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


def test_a_table_that_is_landed_whole_is_quick_while_it_is_small(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.execute(ITEMS)
    world.execute("insert into items (id, value) values (1, 'first')")
    contract = world.contract("items", mode=Mode.SNAPSHOT, cursor=None, deletes=Deletes.NONE)
    first = is_quick(world, contract)
    world.run(contract)
    small = is_quick(world, contract)
    monkeypatch.setattr(extract_postgres, "_SMALL_BYTES", 1)

    assert (first, small, is_quick(world, contract)) == (False, True, False)
