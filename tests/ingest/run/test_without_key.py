"""Snapshot streams of tables without a key: their rows are a multiset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from ingest.contracts.model import StreamContract
from ingest.errors import ContractError
from ingest.lake.commit import CommitKind
from orchestration.reconcile.lake import LakeCounter
from tests.ingest.run.world import World
from tests.orchestration.lake_builder import contract

COLUMNS = {"who": "text", "amount": "numeric(6,2)", "paid": "json", "at": "point"}
ROWS = [("ann", "1.50", None, "(1,2)"), ("ann", "1.50", None, "(1,2)"), (None, None, None, None), (None,) * 4]


@pytest.fixture
def payments() -> StreamContract:
    return contract(COLUMNS, stream="payments", key=(), mode="snapshot", deletes="none")


@pytest.fixture
def world(source_world: World) -> World:
    source_world.execute("create table payments (who text, amount numeric(6,2), paid json, at point)")
    return source_world


def insert(world: World, rows: Sequence[tuple[str | None, ...]]) -> None:
    for row in rows:
        world.execute("insert into payments values (%s, %s, %s, %s::point)", *row)


def newest(world: World, payments: StreamContract) -> Counter[tuple[str, ...]]:
    rows = world.rows(world.commits(payments)[-1])
    return Counter(tuple(str(row[name]) for name in COLUMNS) for row in rows)


def test_equal_rows_are_landed_and_counted_as_often_as_they_are_there(world: World, payments: StreamContract) -> None:
    insert(world, ROWS)
    result = world.run(payments)
    assert newest(world, payments) == {("ann", "1.50", "None", "(1,2)"): 2, ("None",) * 4: 2}
    assert result.source_count is not None
    assert result.source_count.rows == LakeCounter(world.store).count(payments, 1, None).current == 4
    world.execute("delete from payments where ctid in (select ctid from payments where who = 'ann' limit 1)")
    result = world.run(payments)
    assert newest(world, payments) == {("ann", "1.50", "None", "(1,2)"): 1, ("None",) * 4: 2}


def test_the_same_rows_in_another_order_are_not_landed_again(world: World, payments: StreamContract) -> None:
    insert(world, ROWS)
    world.run(payments)
    world.execute("delete from payments")
    insert(world, ROWS[::-1])
    world.run(payments)
    assert [commit.kind for commit in world.commits(payments)] == [CommitKind.SNAPSHOT]


def test_a_row_that_does_not_fit_is_quarantined_without_a_key(world: World, payments: StreamContract) -> None:
    world.execute("alter table payments alter amount type numeric")
    insert(world, [*ROWS, ("bob", "NaN", None, None), ("bob", "NaN", None, None)])
    spec = payments.spec.model_copy(update={"max_quarantine_ratio": 1.0})
    bounded = contract(COLUMNS | {"amount": "numeric(6,2)"}, stream="payments", key=(), mode="snapshot", deletes="none")
    world.execute("alter table payments alter amount type numeric(6,2)")
    bounded = StreamContract(**{**vars(bounded), "spec": spec})
    result = world.run(bounded)
    [commit] = world.commits(bounded)
    assert (commit.counts.landed, commit.counts.quarantined) == (4, 2)
    assert [row["key"] for file in commit.quarantine for row in world.parquet(file.key)] == [None, None]
    counted = LakeCounter(world.store).count(bounded, 1, None)
    assert result.source_count is not None
    assert counted.current + counted.refused == result.source_count.rows == 6


def test_a_stream_that_is_read_by_its_cursor_needs_a_key() -> None:
    with pytest.raises(ContractError, match=r"the versions of a row cannot be distinguished.*mode 'snapshot'"):
        contract({"name": "text", "updated_at": "timestamptz"}, key=(), deletes="none")
