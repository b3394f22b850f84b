"""A record that cannot be written or imported fails no run: it is logged, shown, and waits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.contracts.registry import ContractRegistry
from ingest.errors import FatalError, TransientError
from ingest.lake.commit import CommitKind, Settled
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from orchestration.built.plan import Plan
from orchestration.ops.outbox import Outbox
from orchestration.ops.record import RunFacts, record_of
from orchestration.ops.running import RunningMarks
from orchestration.ops.texts import for_readers
from orchestration.prefect.run.recording import Recorder
from orchestration.report import RunReport, StreamOutcome
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.ops.rows import RunRecord
from orchestration.warehouse.ops.tables import ensure_ops_tables
from tests.orchestration.lake_builder import LakeBuilder, contract, thing

LOGGER = logging.getLogger("test")
REPORT = RunReport("r", 1.0)


@pytest.fixture
def recorder(store: ObjectStore, warehouse: DuckDBWarehouse, tmp_path: Path) -> Recorder:
    facts = RunFacts(
        run_id="r",
        run_name="curious-crane",
        parameters="{}",
        warehouse="duckdb",
        started_at=datetime.now(UTC),
        registry=ContractRegistry([contract()]),
        settings=OrchestrationSettings.load().model_copy(update={"runs_dir": tmp_path / "runs"}),
    )
    return Recorder(facts, Outbox(store), warehouse, LOGGER, store)


def runs(warehouse: DuckDBWarehouse) -> list[tuple[object, ...]]:
    with warehouse.connect() as session:
        return session.query("SELECT run_id, state FROM mart.ops_runs")


def broken(*_: Any, **__: Any) -> Any:
    raise TransientError("the lake is away")


def test_a_run_is_marked_then_recorded_then_imported(
    recorder: Recorder, store: ObjectStore, warehouse: DuckDBWarehouse
) -> None:
    recorder.begin()
    assert recorder._marking is not None
    recorder._marking.join()
    assert [mark.run_name for mark in RunningMarks(store).all()] == ["curious-crane"]
    assert recorder.prepare()
    record = recorder.write(REPORT, "completed")
    assert RunningMarks(store).all() == []
    assert Outbox(store).waiting() == [record]
    recorder.take_in(record)
    assert runs(warehouse) == [("r", "completed")]
    assert (Outbox(store).waiting(), recorder.remarks) == ([], [])


def test_a_run_that_was_broken_off_while_streams_landed_has_what_the_log_has(
    recorder: Recorder, store: ObjectStore
) -> None:
    lake = LakeBuilder(store, contract())
    lake.data([thing(1), thing(2)], run_id="r", committed_at=datetime.now(UTC))
    lake.data([thing(3)], run_id="another", committed_at=datetime.now(UTC))
    record = recorder.write(REPORT, "interrupted")
    assert record is not None
    assert [(row.stream, row.rows_landed, row.version_landed) for row in record.streams] == [("things", 2, 1)]
    assert (record.run.state, record.run.streams, record.run.rows_landed) == ("interrupted", 1, 2)


def test_a_run_that_builds_a_part_counts_quarantine_where_it_may_have_changed(
    recorder: Recorder, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = LakeBuilder(store, contract())
    lake.data([thing(1)], quarantine=(lake.quarantine(1, [("2", b"{}"), ("3", b"{}")]),))
    lake.data([thing(4)])
    lake.data([thing(2)], kind=CommitKind.BACKFILL, settles=(Settled(version=1, positions=(1,)),))
    lake.data([thing(5)])
    recorder._with_quarantine = frozenset({"things"})

    def counted(whole: str, *loaded: int) -> list[tuple[int, int]]:
        report = replace(
            REPORT, plan=Plan(whole, streams=("things",)), loads=(LoadResult("things", version=4, commits=loaded),)
        )
        record = recorder.write(report, "completed")
        assert record is not None
        return [(row.records, row.open_records) for row in record.quarantine]

    lake.data([thing(6)], quarantine=(lake.quarantine(5, [("6", b"{}")]),))
    lake.data([thing(6)], kind=CommitKind.BACKFILL, settles=(Settled(version=5, positions=(1,)),))
    assert counted("it was last done yesterday", 4) == [(2, 1), (1, 0)]
    assert counted("", 5) == counted("", 6) == [(2, 1), (1, 0)], "what it refused or settled"
    assert counted("", 1) == counted("", 3) == counted("", 2, 3) == [(2, 1)]
    assert counted("", *range(1, 99)) == [(2, 1), (1, 0)], "too many to look at each"
    with monkeypatch.context() as unread:
        unread.setattr(CommitLog, "whole", broken)
        assert counted("") == counted("", 2) == counted("", 4) == []
    assert recorder.remarks == []


@pytest.mark.parametrize("part", ["put", "waiting", "remove"])
def test_a_lake_that_is_away_costs_the_record_alone(
    recorder: Recorder, warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(Outbox, part, broken)
    recorder.take_in(recorder.write(REPORT, "completed"))
    [remark] = recorder.remarks
    assert "the lake is away" in remark
    monkeypatch.undo()
    recorder.take_in(recorder.write(REPORT, "completed"))
    assert runs(warehouse) == [("r", "completed")]


def test_what_the_lake_does_not_take_waits_on_the_disk_for_the_next_run(
    recorder: Recorder, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_a_beginning() -> list[RunRecord]:
        recorder.begin()
        assert recorder._marking is not None
        recorder._marking.join()
        return Outbox(store).waiting()

    runs_dir = recorder.facts.settings.runs_dir
    with monkeypatch.context() as away:
        away.setattr(ObjectStore, "put", broken)
        assert recorder.write(replace(REPORT, full_refresh=True), "failed") is None
        assert after_a_beginning() == []
    [kept] = runs_dir.iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    (runs_dir / "torn.record.json").write_text("{")
    [record] = after_a_beginning()
    assert (record.run.state, record.run.full_refresh) == ("failed", True)
    assert [path.name for path in runs_dir.iterdir()] == ["torn.record.json"]


@pytest.mark.parametrize("error", [FatalError("no such role"), ValueError("a bug of ours")])
def test_a_warehouse_that_refuses_leaves_the_document_for_the_next_run(
    recorder: Recorder,
    store: ObjectStore,
    warehouse: DuckDBWarehouse,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(DuckDBWarehouse, "connect", refuse)
    assert not recorder.prepare(), "dbt is to leave its tests of them out"
    record = recorder.write(REPORT, "completed")
    recorder.take_in(record)
    assert [str(error) in remark for remark in recorder.remarks] == [True, True]
    assert Outbox(store).waiting() == [record]
    monkeypatch.undo()
    recorder.take_in(None)
    assert runs(warehouse) == [("r", "completed")]


def test_the_rows_are_committed_before_readers_have_them_and_before_the_document_goes(
    recorder: Recorder, store: ObjectStore, warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed between any two of the three leaves what the next one does again, to the same end."""
    with warehouse.connect() as session:
        ensure_ops_tables(session, "MART")
    warehouse.publish("before")
    for method in (DuckDBWarehouse.show_rows, Outbox.remove):
        owner: Any = DuckDBWarehouse if method is DuckDBWarehouse.show_rows else Outbox
        monkeypatch.setattr(owner, method.__name__, broken)
        recorder.take_in(recorder.write(REPORT, "completed"))
        assert runs(warehouse) == [("r", "completed")]
        assert len(Outbox(store).waiting()) == 1
        monkeypatch.undo()
    recorder.take_in(None)
    assert runs(warehouse) == [("r", "completed")]
    assert Outbox(store).waiting() == []


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (lambda: StreamOutcome("things", error=FatalError("lost ann@shop.example"), version=3), "failed"),
        (lambda: StreamOutcome("things", overtaken="another writer won", version=4), "overtaken"),
    ],
)
def test_a_stream_s_row_says_why(recorder: Recorder, outcome: Callable[[], StreamOutcome], state: str) -> None:
    report = replace(REPORT, streams=(outcome(),))
    [row] = record_of(report, recorder.facts, state="failed", ended_at=datetime.now(UTC)).streams
    assert row.state == state
    assert row.problem is not None
    assert "ann@shop.example" not in row.problem
    assert (row.rows_landed, row.read_until, row.fresh_until) == (None, None, None)


def test_readers_see_no_address_and_no_endless_text() -> None:
    text = "cannot cast 'o'brien+x@mail.shop.example' or <A.B@c-d.io>, \x1b[31mred at 5 @ noon"
    assert for_readers(text) == "cannot cast 'o'<address>' or <<address>>, red at 5 @ noon"
    assert len(for_readers("x" * 5_000)) == 1_000


@pytest.mark.parametrize("value", ["Ann O'Neil", "1'2", 'a "b" c'])
def test_readers_see_no_value_that_a_warehouse_refused(value: str) -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as error:
        connection.execute("select cast(? as integer)", [value]).fetchall()
    assert value in str(error.value)
    assert value not in for_readers(str(error.value))
    snowflake = f"100038 (22018): Numeric value '{value}' is not recognized; column 'kept' stays"
    assert for_readers(snowflake) == "100038 (22018): Numeric value '<value>' is not recognized; column 'kept' stays"
