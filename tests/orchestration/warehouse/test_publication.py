"""The record beside the marts: one row, of the last run that published, in the file that readers open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.protocol import Purpose
from orchestration.warehouse.publication import PublicationRecord, record_publication

NOON = datetime(2028, 2, 29, 12, tzinfo=UTC)


def publish(warehouse: DuckDBWarehouse, record: PublicationRecord) -> tuple[tuple[object, ...], ...]:
    with warehouse.connect(Purpose.PUBLISH) as session:
        record_publication(session, "MART", record)
    warehouse.publish(record.run_id)
    return run_query(warehouse.published_path, "select * from MART._publication", limit=None).rows


def test_readers_find_the_record_of_the_last_run_alone_with_its_times_in_utc(warehouse: DuckDBWarehouse) -> None:
    first = PublicationRecord("first", NOON, NOON, streams=2, equal=2)
    business = datetime(2028, 3, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    second = PublicationRecord("second 'of' two", NOON, business, 4, 1, uncounted=("a", 'b"c'), failed=("d",))

    noon = NOON.replace(tzinfo=None)
    assert publish(warehouse, first) == (("first", noon, noon, 2, 2, "", ""),)
    assert publish(warehouse, second) == (("second 'of' two", noon, noon + timedelta(hours=11), 4, 1, 'a, b"c', "d"),)
