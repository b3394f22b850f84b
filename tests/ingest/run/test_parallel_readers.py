"""A large table is read in ranges of its blocks by several readers, all at one snapshot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ingest.lake.commit import Window
from ingest.sources.postgres import reader
from ingest.sources.postgres.reader import PostgresSession
from tests.ingest.run.world import ITEMS, World

FILL = "insert into items (id, value) select g, repeat('x', 200) from generate_series({}, {}) g"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_PART_BLOCKS", 7)


def session(world: World, *, readers: int = 3) -> PostgresSession:
    return PostgresSession(world.settings.postgres_dsn, ["public.items"], margin=timedelta(0), readers=readers)


def test_ranges_of_blocks_give_each_row_once_and_no_row_of_later_transactions(world: World) -> None:
    world.execute(ITEMS)
    world.execute(FILL.format(1, 3000))
    world.execute("delete from items where id % 3 = 0")
    contract = world.contract("items", mode="incremental", cursor="updated_at")
    expected = sorted(row[0] for row in world.query("select id from items"))

    with session(world) as opened:
        window = Window(start=None, end=opened.horizon.at)
        queries = _statements(opened)
        batches = opened.read(contract, window)
        first = next(batches)
        # Rows move to other blocks, go, and come while the readers are on their way.
        world.execute("update items set value = 'moved' where id % 2 = 0")
        world.execute("delete from items where id % 5 = 0")
        world.execute(FILL.format(10_000, 11_000))
        found = [row for batch in (first, *batches) for row in batch.to_pylist()]

    assert len(queries) > 10
    assert sorted(row["id"] for row in found) == expected
    assert {row["value"] for row in found} == {"x" * 200}


def test_a_small_part_of_a_large_table_is_read_by_its_index_alone(world: World) -> None:
    world.execute(ITEMS)
    world.execute(FILL.format(1, 3000))
    world.execute("vacuum analyze items")
    contract = world.contract("items", mode="incremental", cursor="updated_at")
    with session(world) as opened:
        queries = _statements(opened)
        ((newest,),) = world.query("select max(updated_at) from items")
        found = list(opened.read(contract, Window(start=newest + timedelta(seconds=1), end=None)))

    assert sum(batch.num_rows for batch in found) == 0
    assert len(queries) == 1


@pytest.mark.parametrize("readers", [1, 4])
def test_a_run_lands_every_row_once_however_many_read(world: World, readers: int) -> None:
    world.execute(ITEMS)
    world.execute(FILL.format(1, 5000))
    contract = world.contract("items", mode="incremental", cursor="updated_at")
    several = World(world.settings.model_copy(update={"postgres_readers": readers}), world.connection, world.store)

    result = several.run(contract)

    assert result.rows_landed == 5000
    several.assert_equal_to_source(contract)
    assert len(several.landed(contract)) == 5000


def test_a_table_that_would_be_rewritten_waits_for_the_run(world: World) -> None:
    """Without the lock the table would look empty to the snapshot, and every row would be taken for deleted."""
    world.execute(ITEMS)
    world.execute(FILL.format(1, 100))
    contract = world.contract("items")
    with session(world) as opened, world.other_session() as other, other.cursor() as cursor:
        cursor.execute("set lock_timeout = '50ms'")
        with pytest.raises(Exception, match="lock timeout"):
            cursor.execute("alter table items alter column id type numeric(20,0)")
        keys = [row for batch in opened.read_keys(contract) for row in batch.to_pylist()]
    assert len(keys) == 100


def _statements(opened: PostgresSession) -> list[str]:
    """Return a list that collects the statements of readers from now on."""
    seen: list[str] = []
    copy = opened._copy

    def noted(query: str, *rest: Any) -> Any:
        seen.append(query)
        return copy(query, *rest)

    opened._copy = noted  # type: ignore[method-assign]
    return seen
