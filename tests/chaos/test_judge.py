"""The judge detects damage: each kind of damage is done by hand and must be reported."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ingest.contracts.registry import ContractRegistry
from ingest.lake.commit import Commit
from ingest.lake.log import CommitLog
from tests.chaos.comparison.rows import Difference, canonical, digest, doubled
from tests.chaos.comparison.source_side import read_source
from tests.chaos.comparison.warehouse_side import database_file
from tests.chaos.line import Ground, Line

ALL = ContractRegistry.load()
PRODUCTS = [ALL["products"]]


@pytest.mark.slow
def test_a_line_without_faults_is_innocent_from_source_to_staging(line: Line) -> None:
    contracts = list(ALL.values())
    line.ingest(contracts)
    with line.session() as session:
        session.cursor().execute("update customers set full_name = 'Ada' where customer_id = 1")
        session.cursor().execute("delete from customers where customer_id = 2")
    line.ingest(contracts)
    line.load(contracts)
    judgement = line.judge(contracts)

    judgement.require_innocent()
    for verdict in judgement.verdicts:
        assert verdict.source - verdict.refused == verdict.lake == verdict.raw == verdict.staging, verdict
        assert verdict.source > 0


@pytest.fixture(scope="module")
def at_rest(ground: Ground) -> Iterator[Line]:
    """Products, landed and loaded. Do not change them."""
    with ground.line("at_rest") as line:
        line.ingest(PRODUCTS)
        line.load(PRODUCTS)
        yield line


@pytest.fixture
def loaded(line: Line) -> Line:
    """Products, landed and loaded, for changes."""
    line.ingest(PRODUCTS)
    line.load(PRODUCTS)
    return line


def findings(line: Line, **options: bool) -> str:
    return "\n".join(line.judge(PRODUCTS, staging=False, **options).findings)


def test_rows_that_the_lake_lacks_has_too_many_or_has_otherwise_are_told_by_key(loaded: Line) -> None:
    with loaded.session() as session, session.cursor() as cursor:
        cursor.execute("update products set price = price + 1 where product_id = 3")
        cursor.execute("update products set sku = 'SKU-99999' where product_id = 4")
    found = findings(loaded)

    assert "products: lake: 2 altered: 3, 4" in found
    assert "products: RAW: 2 altered: 3, 4" in found


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("delete from RAW.products where product_id = 3", "RAW: 1 lost: 3"),
        ("update RAW.products set price = price + 0.01 where product_id = 3", "RAW: 1 altered: 3"),
        ("insert into RAW.products select * from RAW.products where product_id = 3", "RAW: 1 rows loaded twice"),
        (
            "insert into RAW.products__deletes select product_id, _batch_id, 2, 1, _extracted_at from RAW.products "
            "where product_id = 3",
            "RAW's tombstones: 1 not at the source: 2/3",
        ),
        ("delete from RAW._loads where version = 1", "the ledger has 1 versions, the log 2"),
        (
            "update RAW._loads set batch_id = 'other' where version = 2",
            "not those of the log: [(2, 'deletes', 'other')]",
        ),
    ],
)
def test_damage_in_raw_is_told(at_rest: Line, tmp_path: Path, damage: str, told: str) -> None:
    damaged = replace(at_rest, warehouse=tmp_path)
    shutil.copyfile(database_file(at_rest.warehouse), database_file(tmp_path))
    with duckdb.connect(str(database_file(tmp_path))) as connection:
        connection.execute(damage)

    assert told in findings(damaged)


def commit_of(line: Line, version: int) -> Commit:
    commit = CommitLog(line.store, "products").read(version)
    assert commit is not None
    return commit


def test_a_changed_file_a_missing_file_and_a_gap_in_the_log_are_told(loaded: Line) -> None:
    data = commit_of(loaded, 1)
    loaded.store.put(data.files[0].key, b"not this")
    assert "does not have the SHA-256 that its commit states" in findings(loaded)
    loaded.store.delete([data.files[0].key])
    assert "is in a commit, but not in the bucket" in findings(loaded)

    loaded.store.delete(["_log/products/00000000000000000001.json"])
    assert "the log's versions are not 1 to 1" in findings(loaded)


def rewrite(line: Line, commit: Commit) -> None:
    line.store.put(f"_log/products/{commit.version:020d}.json", commit.encode())


def test_a_batch_that_was_committed_twice_is_told(loaded: Line) -> None:
    first, last = commit_of(loaded, 1), commit_of(loaded, 2)
    rewrite(loaded, first.model_copy(update={"version": 3, "watermark": last.watermark}))
    found = findings(loaded)

    assert "lake: 10 versions of rows landed twice: 1/" in found
    assert "says that it is (1, 1, " in found
    assert "landed twice" not in findings(loaded, landed_once=False)


def test_a_watermark_that_moves_back_is_told(loaded: Line) -> None:
    first, last = commit_of(loaded, 1), commit_of(loaded, 2)
    assert first.watermark.after is not None
    earlier = first.watermark.after.replace(year=2001)
    moved = last.watermark.model_copy(update={"before": first.watermark.after, "after": earlier})
    rewrite(loaded, last.model_copy(update={"watermark": moved}))

    assert "version 2 moves the watermark back" in findings(loaded)


def test_a_file_that_was_read_and_is_in_no_commit_is_told(at_rest: Line) -> None:
    orphan = "inventory/products/dt=2026-01-01/0000000001-0000-abc.parquet"
    read = [commit_of(at_rest, 1).files[0].key, orphan]
    judgement = at_rest.judge(PRODUCTS, staging=False, objects_read=read)

    assert judgement.findings == [f"1 files were read that no commit names: {orphan}"]


def test_a_record_that_arrived_after_the_last_run_is_not_lost_even_if_it_shows_no_key_and_no_cursor(line: Line) -> None:
    events = ALL["email_events"]
    moments = sorted({row[events.cursor_column.name] for row in read_source(line.settings, events, None).rows.values()})
    end = datetime.fromisoformat(moments[-1]).replace(tzinfo=UTC) + timedelta(seconds=1)
    at_end = read_source(line.settings, events, end)
    watermark = datetime.fromisoformat(moments[len(moments) // 8]).replace(tzinfo=UTC)
    earlier = read_source(line.settings, events, watermark)

    assert set(earlier.unreadable) < set(at_end.unreadable)
    assert earlier.unreadable == at_end.unreadable[: len(earlier.unreadable)]
    assert earlier.rows == at_end.rows
    assert at_end.unsettled < earlier.unsettled
    assert {earlier.rows[key][events.cursor_column.name] >= canonical(watermark) for key in earlier.unsettled} == {True}


def test_equal_values_have_one_text_whatever_read_them() -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    elsewhere = noon.astimezone(timezone(timedelta(hours=5)))
    assert canonical(noon) == canonical(elsewhere) == canonical(noon.replace(tzinfo=None))
    assert canonical(Decimal("1.50")) == canonical(Decimal("1.5"))
    assert canonical(Decimal("100")) != canonical(Decimal("1"))
    assert canonical(Decimal("-0.00")) == canonical(Decimal("0"))
    assert canonical(memoryview(b"ab")) == canonical(b"ab")
    assert canonical(None) != canonical("")
    assert digest(["ab", "c"]) != digest(["a", "bc"])


def test_differences_are_told_by_key() -> None:
    difference = Difference.between({("1",): "a", ("2",): "b"}, {("2",): "c", ("3",): "d"})
    assert difference.findings("lake") == ["lake: 1 lost: 1", "lake: 1 not at the source: 3", "lake: 1 altered: 2"]
    assert doubled([("1",), ("1",), ("2",)]) == [("1",)]
    assert doubled([("1",), ("1",)], {("1",): 2}) == []
