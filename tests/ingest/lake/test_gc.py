"""`ingest gc` beside running batches, however long they take: no commit can ever name a file that it removes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from ingest.contracts.model import StreamContract
from ingest.errors import ConflictError, FatalError
from ingest.lake.gc import Orphans, find_orphans, remove
from ingest.lake.objects.store import ObjectStore
from tests.ingest.cli.command import CommandLine
from tests.ingest.run.world import ITEMS, World

AT_ONCE = timedelta(0)
HOUR = timedelta(hours=1)


class CommitsAfter(ObjectStore):
    """A store that calls a function just before a batch's commit, when all its files exist."""

    def __init__(self, world: World, meanwhile: Callable[[], None]) -> None:
        super().__init__(world.settings.lake)
        self._meanwhile = meanwhile

    def put_if_absent(self, key: str, body: bytes) -> None:
        self._meanwhile()
        super().put_if_absent(key, body)


@pytest.fixture
def items(source_world: World) -> World:
    source_world.execute(f"{ITEMS}; insert into items select n, 'a' from generate_series(1, 100) n")
    return source_world


@pytest.fixture
def contract(items: World) -> StreamContract:
    return items.contract("items")


def collect(world: World, contract: StreamContract, grace: timedelta) -> Orphans:
    return remove(world.store, contract, find_orphans(world.store, contract, grace=grace), run_id="gc")


def run_beside(world: World, contract: StreamContract) -> None:
    world.run(contract)


def keys(orphans: Orphans) -> set[str]:
    return {item.key for item in orphans.old}


def test_a_batch_that_runs_longer_than_the_grace_loses_cleanly_and_the_next_run_lands_its_rows(
    items: World, contract: StreamContract
) -> None:
    removed: list[Orphans] = []
    store = CommitsAfter(items, lambda: removed.append(collect(items, contract, AT_ONCE)))
    with pytest.raises(ConflictError, match="nothing is doubled"):
        items.run(contract, store=store, keys=False)

    assert len(removed[0].old) == 2
    (taken,) = items.commits(contract)
    assert (taken.files, taken.rows, taken.watermark.after) == ((), 0, None)
    items.run(contract)
    items.assert_equal_to_source(contract)


def test_a_batch_within_the_grace_is_left_alone_and_commits(items: World, contract: StreamContract) -> None:
    seen: list[Orphans] = []
    items.run(contract, store=CommitsAfter(items, lambda: seen.append(collect(items, contract, HOUR))), keys=False)

    assert (len(seen[0].old), len(seen[0].young)) == (0, 2)
    assert [commit.rows for commit in items.commits(contract)] == [100]
    items.assert_equal_to_source(contract)


def test_a_batch_that_commits_between_the_look_and_the_removal_keeps_its_files(
    items: World, contract: StreamContract
) -> None:
    seen: list[Orphans] = []
    store = CommitsAfter(items, lambda: seen.append(find_orphans(items.store, contract, grace=AT_ONCE)))
    items.run(contract, store=store, keys=False)
    removed = remove(items.store, contract, seen[0], run_id="gc")

    assert len(seen[0].old) == 2
    assert removed.old == ()
    items.assert_equal_to_source(contract)


def test_orphans_of_versions_that_are_taken_are_removed_without_a_word_in_the_log(
    items: World, contract: StreamContract
) -> None:
    """Two batches want version 1; the file of the losing one is an orphan."""
    with pytest.raises(ConflictError):
        items.run(contract, store=CommitsAfter(items, lambda: run_beside(items, contract)), keys=False)
    before = items.commits(contract)
    removed = collect(items, contract, AT_ONCE)

    assert len(removed.old) == 1
    assert removed.next_version is None
    assert items.commits(contract) == before
    items.assert_equal_to_source(contract)


def test_a_gap_in_the_log_stops_gc_before_it_takes_committed_files_for_orphans(
    items: World, contract: StreamContract
) -> None:
    items.run(contract, keys=False)
    items.execute("update items set value = 'b' where id = 1")
    items.run(contract)
    stored = {item.key for item in items.store.list("inventory/")}
    items.store.delete(["_log/items/00000000000000000001.json"])
    with pytest.raises(FatalError, match="version 1 is missing in the lake's log"):
        find_orphans(items.store, contract, grace=AT_ONCE)

    assert {item.key for item in items.store.list("inventory/")} == stored


def test_what_would_be_done_is_said_and_then_done(
    items: World, contract: StreamContract, command_line: CommandLine
) -> None:
    command_line.run("contract", "new", "items")

    def look_and_stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        items.run(contract, store=CommitsAfter(items, look_and_stop))
    shown = command_line.run("gc", "--dry-run", "--grace-hours", "0")
    untouched = items.commits(contract)
    done = command_line.run("gc", "--grace-hours", "0")

    assert "would take version 1 of items by an empty commit" in shown.out
    assert "2 orphans would be removed" in shown.out
    assert untouched == []
    assert "took version 1 of items by an empty commit" in done.out
    assert "2 orphans removed" in done.out
    assert keys(find_orphans(items.store, contract, grace=AT_ONCE)) == set()
