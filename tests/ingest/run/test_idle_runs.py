"""A run that finds nothing new: what it asks of S3 does not grow with the log."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.lake.store import ObjectStore
from tests.ingest.run.world import ITEMS, World


class CountedStore(ObjectStore):
    """Notes every request as it is sent, tries included."""

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
