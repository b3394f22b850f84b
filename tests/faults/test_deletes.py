"""Deletions from end to end: Postgres, lake, RAW, staging and the history of versions (SCD2) that dbt keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.contracts.registry import ContractRegistry
from ingest.run.runner import open_ingestion
from tests.chaos.comparison.warehouse_side import database_file
from tests.chaos.line import Line
from tests.dbt.running.project import Dbt

LEVELS = ContractRegistry.load()["stock_levels"]
NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
MODELS = ("--select", "stg_stock_levels", "snap_stock_levels", *NO_TESTS)

Key = tuple[int, int]
Version = tuple[int, bool]
"""Units on hand, and whether it is the mark of a deletion."""


@dataclass(frozen=True)
class Shelf:
    """The shop's stock levels, on their way to the marts."""

    line: Line
    dbt: Dbt

    def execute(self, statement: str) -> None:
        with self.line.session() as session:
            session.cursor().execute(statement)

    def build(self) -> None:
        """Load and build. Check that lake and RAW agree with the source."""
        self.line.load([LEVELS])
        self.dbt.succeed("build", *MODELS)

    def staging(self) -> dict[Key, int]:
        rows = self._query("select warehouse_id, product_id, on_hand from STAGING.stg_stock_levels")
        return {(warehouse, product): on_hand for warehouse, product, on_hand in rows}

    def source(self) -> dict[Key, int]:
        with self.line.session() as session, session.cursor() as cursor:
            cursor.execute("select warehouse_id, product_id, on_hand from stock_levels")
            return {(warehouse, product): on_hand for warehouse, product, on_hand in cursor.fetchall()}

    def history(self, key: Key) -> list[Version]:
        """Return the key's versions, oldest first."""
        rows = self._query(
            "select on_hand, dbt_is_deleted = 'True' from SNAPSHOTS.snap_stock_levels "
            f"where (warehouse_id, product_id) = {key} order by _log_version, dbt_is_deleted, dbt_valid_from"
        )
        return [(on_hand, is_deleted) for on_hand, is_deleted in rows]

    def open_versions(self) -> dict[Key, bool]:
        """Return by key whether its one open version is the mark of a deletion."""
        rows = self._query(
            "select warehouse_id, product_id, any_value(dbt_is_deleted = 'True'), count(*) "
            "from SNAPSHOTS.snap_stock_levels where dbt_valid_to is null group by all"
        )
        assert {count for *_, count in rows} == {1}
        return {(warehouse, product): is_deleted for warehouse, product, is_deleted, _ in rows}

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(database_file(self.line.warehouse)), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def shelf(line: Line, tmp_path: Path) -> Shelf:
    return Shelf(line, Dbt(tmp_path, variables={"DUCKDB_PATH": str(database_file(line.warehouse))}))


@pytest.mark.slow
def test_deletions_are_seen_in_staging_and_close_the_history_and_no_race_makes_one(shelf: Shelf) -> None:
    line = shelf.line
    shelf.execute("insert into stock_levels select warehouse_id, 1, 5, 0 from warehouses on conflict do nothing")
    shelf.execute("delete from stock_levels where product_id > 6; update stock_levels set on_hand = 5")
    line.ingest([LEVELS])
    shelf.build()
    first = shelf.source()
    deleted, reborn, later_reborn, moved, raced = sorted(first)[:5]
    assert shelf.staging() == first

    shelf.execute(f"delete from stock_levels where {where(deleted)}")
    shelf.execute(f"delete from stock_levels where {where(later_reborn)}")
    shelf.execute(f"delete from stock_levels where {where(reborn)}; {insert(reborn, 7)}")
    fresh, moved_to = (moved[0], 9), (moved[0], 8)
    shelf.execute(f"update stock_levels set product_id = 8 where {where(moved)}")
    shelf.execute(f"delete from stock_levels where {where(raced)}")
    with open_ingestion(line.settings, [LEVELS], "raced", store=line.store) as run:
        # After the snapshot and before the keys are read: the new row is in neither, and the old one is gone in both.
        shelf.execute(insert(fresh, 1))
        shelf.execute(insert(raced, 6))
        run.ingest("stock_levels")
    shelf.build()

    gone = {deleted, later_reborn, moved, raced}
    assert shelf.staging() == {key: units for key, units in shelf.source().items() if key not in {fresh, raced}}
    assert {key for key, is_deleted in shelf.open_versions().items() if is_deleted} == gone
    assert shelf.history(deleted) == [(5, False), (5, True)]
    assert shelf.history(reborn) == [(5, False), (7, False)]
    assert shelf.history(moved) == [(5, False), (5, True)]
    assert shelf.history(moved_to) == [(5, False)]

    line.ingest([LEVELS], keys=False)
    line.load([LEVELS])
    assert shelf.staging() == shelf.source(), "rows that are newer than the newest tombstones are not deleted by them"

    shelf.execute(f"truncate stock_levels; {insert(later_reborn, 3)}")
    line.ingest([LEVELS])
    shelf.build()
    assert shelf.staging() == shelf.source() == {later_reborn: 3}
    assert {key for key, is_deleted in shelf.open_versions().items() if not is_deleted} == {later_reborn}
    assert shelf.history(later_reborn) == [(5, False), (5, True), (3, False)]
    assert shelf.history(deleted) == [(5, False), (5, True)]
    line.judge([LEVELS], staging=False).require_innocent()


def where(key: Key) -> str:
    return f"(warehouse_id, product_id) = ({key[0]}, {key[1]})"


def insert(key: Key, on_hand: int) -> str:
    values = f"({key[0]}, {key[1]}, {on_hand}, 0)"
    return f"insert into stock_levels (warehouse_id, product_id, on_hand, reorder_point) values {values}"
