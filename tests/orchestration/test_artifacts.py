"""What a run shows of itself: the summary, the tables, the lines on the terminal."""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from ingest.context import StreamResult
from ingest.errors import DataError
from orchestration.dbt_events import NodeFinished, NodeStatus
from orchestration.prefect.artifacts import node_rows, reconciliation_rows, stream_rows, summary
from orchestration.prefect.render import Lines
from orchestration.prefect.run_logs import without_tracebacks
from orchestration.progress import BothProgress, LogProgress, Progress, current, report_to
from orchestration.reconcile import Reconciliation
from orchestration.report import RunFailedError, RunReport, StreamOutcome
from orchestration.warehouse.loader import LoadResult

AT = datetime(2026, 3, 1, tzinfo=UTC)


def node(name: str, status: NodeStatus, seconds: float) -> NodeFinished:
    return NodeFinished(
        unique_id=f"model.p.{name}",
        name=name,
        resource_type="model",
        materialized="table",
        status=status,
        seconds=seconds,
        started_at=AT,
        finished_at=AT,
        message="it is [broken]" if status.failed else "",
        rows=None if status.failed else 1_234,
        compiled_path=Path("/runs/1/broken.sql") if status.failed else None,
    )


def counted(stream: str, raw: int) -> Reconciliation:
    return Reconciliation(
        stream=stream,
        version=1,
        source=10,
        refused=0,
        in_flight=0,
        lake=10,
        raw=raw,
        staging=raw,
        lake_history=10,
        raw_history=raw,
    )


ERROR = DataError("7 of 10 records break the contract", stream="orders")
LANDED = StreamResult("things", rows_landed=1_500, rows_quarantined=2, notices=("a notice",))
REPORT = RunReport(
    run_id="r",
    seconds=61.2,
    streams=(
        StreamOutcome("orders", 1, error=ERROR),
        StreamOutcome(
            "things", 2, StreamResult("things", rows_landed=1_500, rows_quarantined=2, notices=("a notice",))
        ),
        StreamOutcome("other", 3, overtaken="another writer won"),
    ),
    loads=(LoadResult("things", 2, (1, 2), rows=1_500),),
    nodes=(node("fine", NodeStatus.SUCCESS, 3.0), node("broken", NodeStatus.ERROR, 0.5)),
    reconciliations=(counted("things", 10), counted("orders", 9)),
    problems=(ERROR,),
)


def test_the_summary_tells_what_went_wrong() -> None:
    text = summary(REPORT)
    assert text.startswith("# Run failed in 61 s")
    assert "**Landed** 1,500 rows of 3 streams, 2 quarantined" in text
    assert "**dbt** 2 nodes, 1 failed" in text
    assert "**Reconciled** 1 of 2 streams are equal" in text
    assert "orders: 7 of 10 records break the contract" in text
    assert "- things: a notice" in text
    assert "- other: another writer won" in text


def test_the_tables_name_failures_first() -> None:
    assert [row["node"] for row in node_rows(REPORT.nodes)] == ["broken", "fine"]
    assert node_rows(REPORT.nodes)[0]["compiled SQL"] == "/runs/1/broken.sql"
    assert [(row["stream"], row["landed"], row["loaded"]) for row in stream_rows(REPORT)] == [
        ("orders", "", ""),
        ("things", 1_500, 1_500),
        ("other", "", ""),
    ]
    assert [(row["equal"], row["RAW"]) for row in reconciliation_rows(REPORT.reconciliations)] == [
        ("yes", 10),
        ("NO", 9),
    ]


def test_a_failed_run_ends_as_its_first_problem_does() -> None:
    error = RunFailedError.of(REPORT)
    assert error.exit_code == 2
    assert str(error) == "orders: 7 of 10 records break the contract"


def tell_all(progress: Progress) -> None:
    progress.step("ingest", "3 streams")
    for outcome in REPORT.streams:
        progress.stream_started(outcome.stream)
        progress.stream_read(outcome.stream, 5)
        progress.stream_finished(outcome)
    progress.loaded(REPORT.loads[0])
    for finished in REPORT.nodes:
        progress.dbt_finished(finished)
    for item in REPORT.reconciliations:
        progress.reconciled(item)


def test_lines_and_log_tell_of_each_event(caplog: pytest.LogCaptureFixture) -> None:
    out = io.StringIO()
    logger = logging.getLogger("test")
    with caplog.at_level(logging.INFO, "test"), report_to(Lines(Console(file=out, width=200))):
        tell_all(current(logger))
    lines = [line.split(maxsplit=1)[1] for line in out.getvalue().splitlines()]
    assert lines == [
        "ingest 3 streams",
        "orders failed 7 of 10 records break the contract",
        "things 1,500 rows landed, 2 quarantined in 0.0 s",
        "other another writer won",
        "things 1,500 rows of 2 versions in 0.0 s",
        "success table fine 1,234 rows in 3.0 s",
        "error table broken in 0.5 s",
    ]
    assert "model broken: error in 0.5 s it is [broken]" in caplog.messages
    assert "orders: the lake has 10 current rows, RAW 9" in " ".join(caplog.messages)
    assert isinstance(current(logger), LogProgress)
    with report_to(Lines()):
        assert isinstance(current(logger), BothProgress)


def test_an_expected_error_is_one_line_in_a_run_s_log() -> None:
    without_tracebacks()
    without_tracebacks()
    logger = logging.getLogger("prefect.flow_runs")

    def logged(error: Exception) -> logging.LogRecord:
        text, what = "Encountered exception during execution:", (type(error), error, None)
        record = logger.makeRecord(logger.name, logging.ERROR, __file__, 1, text, (), what)
        assert logger.filter(record)
        return record

    assert logged(ERROR).getMessage() == "DataError: orders: 7 of 10 records break the contract"
    assert logged(ERROR).exc_info is None
    assert logged(ValueError("a bug")).exc_info is not None
