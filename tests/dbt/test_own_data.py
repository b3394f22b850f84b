"""The platform's own tables as dbt describes them, and the freshness computed from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.settings import LakeSettings
from orchestration.warehouse.duckdb.dialect import DIALECT
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.ops.rows import ROW_TYPES, RunRecord, RunRow, StreamRow
from orchestration.warehouse.ops.tables import READERS_VIEWS, import_records, ops_table
from tests.dbt.conftest import dbt_on
from tests.dbt.running.parsed import PROJECT
from tests.dbt.running.project import mart_names
from tests.dbt.running.raw_database import RawDatabase

NOON = datetime(2028, 2, 29, 12, tzinfo=UTC)
WITHOUT_CONTRACT = "invoices"
EVER = timedelta(days=90_000)


def test_dbt_describes_each_column_of_each_table_with_its_type_and_its_key() -> None:
    document = yaml.safe_load((PROJECT / "models" / "marts" / "ops" / "_sources.yml").read_text(encoding="utf-8"))
    [source] = document["sources"]
    described = {table["name"]: table for table in source["tables"]}
    assert described.keys() == {kind.table for kind in ROW_TYPES}
    for kind in ROW_TYPES:
        table = described[kind.table]
        assert [(column["name"], column["data_type"].upper()) for column in table["columns"]] == [
            (column.name, DIALECT.type(column.type)) for column in ops_table(kind, "MART").columns
        ]
        [key] = [test["primary_key"] for test in table["data_tests"]]
        assert tuple(key["arguments"]["columns"]) == kind.key
        assert "Grain: one row per" in table["description"]


def test_the_views_that_readers_get_are_the_folder_s() -> None:
    assert {path.stem for path in (PROJECT / "models" / "marts" / "ops").glob("*.sql")} == READERS_VIEWS
    assert mart_names() >= READERS_VIEWS


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> DuckDBWarehouse:
    """A warehouse in which dbt has made the view."""
    folder = tmp_path_factory.mktemp("own-data")
    raw = RawDatabase.create(folder)
    dbt_on(raw, folder).succeed("build", "--select", "source:ops+")
    return DuckDBWarehouse(folder, Path(raw.path).stem, LakeSettings(bucket="none"))


READINGS = st.dictionaries(
    st.sampled_from(["customers", "orders", "products", WITHOUT_CONTRACT]),
    st.tuples(st.none() | st.integers(0, 50), st.sampled_from([None, 5, 20])),
)
RUNS = st.lists(st.tuples(READINGS, st.sampled_from(["published", "idle", "failed"])), max_size=5)


@settings(max_examples=30, deadline=None)
@given(runs=RUNS)
def test_freshness_is_the_newest_reading_s_and_a_mart_s_that_of_its_first_due_stream(
    warehouse: DuckDBWarehouse, runs: list[tuple[dict[str, tuple[int | None, int | None]], str]]
) -> None:
    """`dim_customer` is made of customers alone, `dim_product` of products and of streams that are never read here."""
    records = [_record(number, readings, end) for number, (readings, end) in enumerate(runs)]
    with warehouse.connect() as session:
        session.execute("DELETE FROM mart.ops_runs")
        session.execute("DELETE FROM mart.ops_run_streams")
        import_records(session, "MART", records, keep=EVER)
        found = session.query("SELECT subject_type, subject, read_until, fresh_until FROM mart.ops_freshness")
    freshness = {(kind, subject): (read_until, fresh_until) for kind, subject, read_until, fresh_until in found}
    assert len(freshness) == len(found)

    in_marts = [record for record in records if record.run.published_at is not None or record.run.is_idle]
    streams = {row.stream for record in records for row in record.streams} - {WITHOUT_CONTRACT}
    for stream in streams:
        assert freshness["stream", stream] == _newest(records, stream)
    assert {subject for kind, subject in freshness if kind == "stream"} == streams
    for mart, stream in (("dim_customer", "customers"), ("dim_customer_history", "customers")):
        assert freshness.get(("mart", mart)) == (_newest(in_marts, stream) if _newest(in_marts, stream) else None)
    behind = [each for each in (_newest(in_marts, name) for name in ("customers", "orders")) if each]
    if len(behind) == 2 and ("mart", "fct_orders") in freshness:
        read_until, fresh_until = freshness["mart", "fct_orders"]
        assert read_until == min((each[0] for each in behind if each[0]), default=None)
        assert fresh_until == min((each[1] for each in behind if each[1]), default=None)


def _record(number: int, readings: dict[str, tuple[int | None, int | None]], end: str) -> RunRecord:
    run_id, ended_at = f"run {number}", NOON + timedelta(hours=number)
    run = RunRow(
        run_id=run_id,
        state="failed" if end == "failed" else "completed",
        is_idle=end == "idle",
        warehouse="duckdb",
        started_at=ended_at,
        ended_at=ended_at,
        run_seconds=0.0,
        published_at=ended_at if end == "published" else None,
    )
    return RunRecord(
        run=run,
        streams=tuple(_row(run_id, stream, minutes, allowed) for stream, (minutes, allowed) in readings.items()),
    )


def _row(run_id: str, stream: str, minutes: int | None, allowed: int | None) -> StreamRow:
    read_until = None if minutes is None else NOON + timedelta(minutes=minutes)
    return StreamRow(
        run_id=run_id,
        stream=stream,
        state="landed",
        read_until=read_until,
        allowed_age_seconds=None if allowed is None else allowed * 60.0,
        fresh_until=None if read_until is None or allowed is None else read_until + timedelta(minutes=allowed),
    )


def _newest(records: list[RunRecord], stream: str) -> tuple[Any, Any] | None:
    """Return the values of the newest reading.

    A stream that was never read is due since the run that could not read it.
    """
    rows = [(record.run.ended_at, row) for record in records for row in record.streams if row.stream == stream]
    if not rows:
        return None
    ended_at, row = max(rows, key=lambda each: (each[1].read_until or datetime.min.replace(tzinfo=UTC), each[0]))
    due = ended_at if row.read_until is None and row.allowed_age_seconds is not None else row.fresh_until
    return _naive(row.read_until), _naive(due)


def _naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=None)
