"""The import of runs' records: each run once, whatever comes twice, late or out of order; and only for so long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import FatalError
from orchestration.warehouse.duckdb.dialect import DIALECT
from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.duckdb.session import DuckDBSession
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.ops.rows import (
    ROW_TYPES,
    QuarantineRow,
    ReconciliationRow,
    RunRecord,
    RunRow,
    RunState,
    StreamRow,
)
from orchestration.warehouse.ops.tables import READERS_VIEWS, ensure_ops_tables, import_records, ops_table, ops_tables
from orchestration.warehouse.protocol import Purpose, Rows

NOW = datetime.now(UTC)
KEEP = timedelta(days=400)


def record(run_id: str, *streams: str, state: RunState = "completed", ended_at: datetime = NOW) -> RunRecord:
    run = RunRow(
        run_id=run_id,
        state=state,
        warehouse="duckdb",
        started_at=ended_at - timedelta(seconds=3),
        ended_at=ended_at,
        run_seconds=3.0,
        problem='it\'s "odd"; -- ☃' if state == "failed" else None,
    )
    return RunRecord(
        run=run,
        streams=tuple(StreamRow(run_id=run_id, stream=name, state="landed", rows_landed=1) for name in streams),
        quarantine=tuple(
            QuarantineRow(run_id=run_id, stream=name, version=1, reason="r", records=2, open_records=1, state="open")
            for name in streams
        ),
    )


def rows(session: DuckDBSession, table: str = "ops_runs", columns: str = "run_id, state") -> list[tuple[object, ...]]:
    return session.query(f"SELECT {columns} FROM mart.{table} ORDER BY ALL")


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5)
RECORDS = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sets(NAMES, max_size=3), st.sampled_from(["completed", "failed", "interrupted"])
    ),
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(imports=st.lists(RECORDS, max_size=4))
def test_the_last_record_of_each_run_is_there_once(imports: list[list[tuple[str, set[str], RunState]]]) -> None:
    with duckdb.connect() as connection:
        session = DuckDBSession(connection, None)  # type: ignore[arg-type] - nothing is copied
        ensure_ops_tables(session, "MART")
        last = {}
        for batch in imports:
            import_records(session, "MART", [record(*_of(each), state=each[2]) for each in batch], keep=KEEP)
            last |= {run_id: (streams, state) for run_id, streams, state in batch}
        assert rows(session) == sorted((run_id, state) for run_id, (_, state) in last.items())
        wanted = sorted((run_id, stream) for run_id, (streams, _) in last.items() for stream in streams)
        for table in ("ops_run_streams", "ops_quarantine"):
            assert sorted(map(tuple, rows(session, table, "run_id, stream"))) == wanted


def _of(each: tuple[str, set[str], RunState]) -> list[str]:
    return [each[0], *sorted(each[1])]


def test_a_run_that_is_said_to_have_crashed_keeps_what_it_said_itself(warehouse: DuckDBWarehouse) -> None:
    with warehouse.connect(Purpose.PUBLISH) as session:
        ensure_ops_tables(session, "MART")
        import_records(session, "MART", [record("a", "s"), record("b", state="crashed")], keep=KEEP)
        import_records(session, "MART", [record("a", state="crashed")], keep=KEEP)
        assert rows(session) == [("a", "completed"), ("b", "crashed")]
        assert rows(session, "ops_run_streams", "run_id, stream") == [("a", "s")]
        import_records(session, "MART", [record("b", "s", state="failed")], keep=KEEP)
        assert rows(session) == [("a", "completed"), ("b", "failed")], "it was only slow"


def test_runs_are_kept_for_so_long(warehouse: DuckDBWarehouse) -> None:
    with warehouse.connect(Purpose.PUBLISH) as session:
        ensure_ops_tables(session, "MART")
        old, young = NOW - KEEP - timedelta(days=1), NOW - KEEP + timedelta(days=1)
        import_records(session, "MART", [record("old", "s", ended_at=old)], keep=KEEP * 2)
        import_records(session, "MART", [record("young", "s", ended_at=young)], keep=KEEP * 2)
        import_records(session, "MART", [record("new", "s")], keep=KEEP)
        assert rows(session, columns="run_id") == [("new",), ("young",)]
        assert rows(session, "ops_quarantine", "run_id") == [("new",), ("young",)]


def test_an_import_that_fails_leaves_all_as_it_was(warehouse: DuckDBWarehouse) -> None:
    with warehouse.connect(Purpose.PUBLISH) as session:
        ensure_ops_tables(session, "MART")
        import_records(session, "MART", [record("a", "s")], keep=KEEP)
        session.execute("DROP TABLE mart.ops_quarantine")
        with pytest.raises(FatalError, match="ops_quarantine"):
            import_records(session, "MART", [record("a", state="failed"), record("b")], keep=KEEP)
        assert rows(session) == [("a", "completed")]
        assert rows(session, "ops_run_streams", "run_id, stream") == [("a", "s")]


def test_a_later_release_adds_its_columns(warehouse: DuckDBWarehouse) -> None:
    """Rows of an older release stay."""
    with warehouse.connect(Purpose.PUBLISH) as session:
        ensure_ops_tables(session, "MART")
        import_records(session, "MART", [record("a", "s")], keep=KEEP)
        session.execute("ALTER TABLE mart.ops_run_streams DROP COLUMN blocker")
        session.execute("DROP TABLE mart.ops_schema_changes")
        ensure_ops_tables(session, "MART")
        import_records(session, "MART", [record("b", "s")], keep=KEEP)
        assert rows(session, "ops_run_streams", "run_id, blocker") == [("a", None), ("b", None)]
        for table in ops_tables("MART"):
            wanted = {column.name: DIALECT.type(column.type) for column in table.columns}
            assert dict(session.columns(table)) == wanted


def test_a_document_of_another_release_is_read() -> None:
    document = record("a", "s").model_dump(mode="json")
    document["run"]["said_later"] = 1
    del document["schema_changes"], document["streams"][0]["blocker"]
    assert RunRecord.model_validate(document) == record("a", "s")


def test_readers_get_the_rows_and_of_the_marts_what_was_published(warehouse: DuckDBWarehouse) -> None:
    def show(*run_ids: str) -> None:
        tables = frozenset(kind.table for kind in ROW_TYPES)
        warehouse.show_rows(Rows(tables, READERS_VIEWS, "run_id", run_ids))

    def published(sql: str) -> tuple[tuple[object, ...], ...]:
        return run_query(warehouse.published_path, sql, limit=None).rows

    with warehouse.connect() as session:
        ensure_ops_tables(session, "MART")
        session.execute("CREATE TABLE mart.t AS SELECT 1 AS n")
        session.execute("CREATE VIEW mart.ops_freshness AS SELECT run_id, stream AS subject FROM mart.ops_run_streams")
        import_records(session, "MART", [record("a", "s"), record("expired")], keep=KEEP)
    show("a")
    assert not warehouse.published_path.exists(), "nothing was published"
    warehouse.publish("a")
    with warehouse.connect() as session:
        session.execute("INSERT INTO mart.t VALUES (2)")
        session.execute("DELETE FROM mart.ops_runs WHERE run_id = 'expired'")
        import_records(session, "MART", [record("a", "u", state="failed"), record("b", "s")], keep=KEEP)
    show("a", "b")
    assert published("select n from mart.t") == ((1,),)
    assert published("select run_id, state from mart.ops_runs order by 1") == (("a", "failed"), ("b", "completed"))
    assert published("select run_id, stream from mart.ops_run_streams order by 1") == (("a", "u"), ("b", "s"))
    assert published("select run_id, subject from mart.ops_freshness order by 1") == (("a", "u"), ("b", "s"))
    assert [path.name for path in warehouse.published_path.parent.iterdir()] == [warehouse.published_path.name]


def test_a_lot_of_rows_are_written_in_a_few_statements(warehouse: DuckDBWarehouse) -> None:
    many = record("a").model_copy(
        update={"reconciliations": tuple(_reconciliation(f"s{number}") for number in range(2_000))}
    )
    with warehouse.connect(Purpose.PUBLISH) as session:
        ensure_ops_tables(session, "MART")
        import_records(session, "MART", [many], keep=KEEP)
        assert rows(session, "ops_reconciliations", "count(*), count(distinct stream)") == [(2_000, 2_000)]


def _reconciliation(stream: str) -> ReconciliationRow:
    return ReconciliationRow(
        run_id="a",
        stream=stream,
        version=1,
        source_rows=None,
        refused_rows=0,
        in_flight_rows=0,
        lake_rows=1,
        raw_rows=1,
        staging_rows=None,
        lake_history_rows=1,
        raw_history_rows=1,
        is_equal=True,
        is_compared=False,
    )


@pytest.mark.parametrize("kind", ROW_TYPES, ids=lambda kind: kind.table)
def test_keys_are_columns_that_are_never_null(kind: type[RunRow]) -> None:
    columns = {column.name: column for column in ops_table(kind, "MART").columns}
    assert kind.key[0] == "run_id"
    assert not any(columns[name].nullable for name in kind.key)
