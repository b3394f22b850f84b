"""The output of a run: the summary, the tables, the lines on the terminal."""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from ingest.errors import DataError, FatalError
from ingest.run.context import StreamResult
from orchestration.dbt.events import NodeFinished, NodeStatus
from orchestration.dbt.runner import DbtFailure
from orchestration.prefect.run.endings import failure_message
from orchestration.prefect.show import markdown
from orchestration.prefect.show.artifacts import headline, summary
from orchestration.prefect.show.render import Lines, print_report
from orchestration.prefect.show.run_logs import readable_logs
from orchestration.prefect.show.tables import node_rows, readable, reconciliation_rows, size, stream_rows, warning_rows
from orchestration.progress import BothProgress, LogProgress, Progress, current, report_to
from orchestration.reconcile.comparison import Reconciliation
from orchestration.report import RunFailedError, RunReport, StreamOutcome
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.protocol import Publication

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


def test_what_a_run_did_not_compare_is_said_in_its_state_and_on_its_page() -> None:
    quiet = [replace(counted(name, 10), source=None, note="not counted at the source") for name in ("a", "b")]
    overtaken = replace(counted("c", 10), source=None, note="another writer went on to version 9")
    report = RunReport(run_id="r", seconds=1.0, reconciliations=(counted("d", 10), *quiet, overtaken))

    assert "4 of 4 streams equal (3 of them not compared with the source)" in headline(report)
    said = "a, b (not counted at the source); c (another writer went on to version 9)"
    assert f"**Not compared with the source** {said}. A run that is not asked" in summary(report)
    whole = replace(report, reconciliations=(counted("d", 10),))
    assert "ot compared" not in headline(whole) + summary(whole)


ERROR = DataError("7 of 10 records break the contract", stream="orders")
LANDED = StreamResult("things", rows_landed=1_500, rows_quarantined=2, notices=("a notice",))
REPORT = RunReport(
    run_id="r",
    seconds=61.2,
    streams=(
        StreamOutcome("orders", version=1, error=ERROR),
        StreamOutcome(
            "things",
            version=2,
            result=StreamResult("things", rows_landed=1_500, rows_quarantined=2, notices=("a notice",)),
        ),
        StreamOutcome("other", version=3, overtaken="another writer won"),
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
    assert "- `things`: a notice" in text
    assert "- `other`: another writer won" in text
    assert text.index("What failed: 1 problem") < text.index("**Landed**")


def test_the_summary_s_tables_are_aligned_and_have_no_empty_columns() -> None:
    lines = summary(REPORT).splitlines()
    streams = lines[lines.index("## Streams") + 2 :][:5]
    assert streams == [
        "| stream | landed | quarantined | loaded | bytes | version in RAW | seconds |",
        "| :--- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| orders |  |  |  |  |  | 0.0 |",
        "| things | 1,500 | 2 | 1,500 | 0 B | 2 | 0.0 |",
        "| other |  |  |  |  |  | 0.0 |",
    ]
    assert "| orders | 10 | 10 | 9 | 9 | 10 | 9 | NO |" in " ".join(lines)
    assert "| error |" not in " ".join(lines), "the slowest nodes have no status"


def test_a_completed_run_is_told_in_one_line() -> None:
    completed = RunReport(run_id="r", seconds=61.2, streams=REPORT.streams[1:], loads=REPORT.loads)
    assert headline(completed) == "1,500 rows landed, 1,500 loaded, nothing published, in 61 s"
    assert "What failed" not in summary(completed)
    assert "dbt" not in summary(completed)


ODD = replace(
    node("no_click_before_its_send", NodeStatus.WARN, 0.1),
    resource_type="test",
    rows=None,
    failures=3_000,
    description="Oddity of the source: clicked before they were sent.",
    compiled_path=Path("/runs/1/odd.sql"),
)


def test_an_oddity_of_the_source_is_shown_by_name_with_its_rows_and_published(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    publication = Publication("warehouse.duckdb", None, None, 0.1)
    report = RunReport(run_id="r", seconds=1, nodes=(ODD, node("fine", NodeStatus.SUCCESS, 3)), publication=publication)
    assert report.warnings == (ODD,)
    assert headline(report) == "2 dbt nodes, 1 warning, published, in 1 s"
    lines = summary(report).splitlines()
    assert "- **dbt** 2 nodes, 0 failed, 1 warning" in lines
    assert lines[lines.index("## Warnings") + 4 :][:3] == [
        "| rows | what | test |",
        "| ---: | :--- | :--- |",
        r"| 3,000 | Oddity of the source: clicked before they were sent. | no\_click\_before\_its\_send |",
    ]
    assert warning_rows(report)[0]["compiled SQL"] == "/runs/1/odd.sql"
    assert node_rows(report.nodes)[0]["node"] == ODD.name
    print_report(report)
    assert "clicked before they were sent. 3,000 rows, no_click_before_its_send" in capsys.readouterr().out
    LogProgress(logging.getLogger("test")).dbt_finished(ODD)
    assert caplog.messages == [f"{ODD.name}: 3,000 rows. {ODD.description}"]
    assert "Warnings" not in summary(replace(report, nodes=()))


def test_a_table_s_cells_are_what_people_write() -> None:
    rows = [
        {"stream": "a", "bytes": 999, "rows": 1_234_567, "seconds": 0.25, "note": "", "refused": 0},
        {"stream": "b", "bytes": 1_234_567, "rows": "", "seconds": 1_000.0, "note": "", "refused": 0},
    ]
    assert readable(rows, leave_out=["rows"])[1] == {"stream": "b", "bytes": "1.2 MB", "seconds": "1,000.0"}
    assert readable(rows)[0]["rows"] == "1,234,567"
    assert readable([]) == []
    assert [size(count) for count in (0, 999, 1_000, 999_949, 2_500_000_000)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "999.9 kB",
        "2.5 GB",
    ]


def test_markdown_shows_texts_as_they_are() -> None:
    rows = [{"model": "a_b*c", "note": "x | <b>y</b>\n`z`", "n": "1,000"}, {"model": "", "note": "", "n": ""}]
    assert markdown.table(rows) == [
        "| model | note | n |",
        "| :--- | :--- | ---: |",
        r"| a\_b\*c | x \| &lt;b>y&lt;/b> \`z\` | 1,000 |",
        "|  |  |  |",
        "",
    ]
    assert markdown.table([]) == []
    assert markdown.text("a_b <c> `d_e <f>`") == r"a\_b &lt;c> `d_e <f>`"
    assert markdown.code("a\n```\nb").splitlines() == ["````", "a", "```", "b", "````"]


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
    readable_logs()
    readable_logs()
    logger = logging.getLogger("prefect.flow_runs")

    def logged(error: Exception) -> logging.LogRecord:
        text, what = "Encountered exception during execution:", (type(error), error, None)
        record = logger.makeRecord(logger.name, logging.ERROR, __file__, 1, text, (), what)
        assert logger.filter(record)
        return record

    assert logged(ERROR).getMessage() == "DataError: orders: 7 of 10 records break the contract"
    assert logged(ERROR).exc_info is None
    assert logged(ValueError("a bug")).exc_info is not None


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Created task run 'ingest-0' for task 'ingest'", None),
        ("Submitted task run 'ingest-0' for execution.", None),
        ("Executing 'reconcile-0' immediately...", None),
        ("Finished in state Completed('29 rows landed; at version 2')", None),
        ("Finished in state Failed('Task run encountered an exception DataError: too much')", None),
        ("""Finished in state Failed("it's\\n  two lines")""", "Failed: it's\n  two lines"),
        ("""Finished in state Skipped('of 50%', type=CANCELLED)""", "Skipped: of 50%"),
        ("Finished in state Cancelled()", "Finished in state Cancelled()"),
        ("a line of ours: Created task run", "a line of ours: Created task run"),
    ],
)
def test_prefect_s_own_lines_are_for_people(line: str, shown: str | None) -> None:
    readable_logs()
    logger = logging.getLogger("prefect.task_runs")
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 1, line, (), None)
    assert bool(logger.filter(record)) == (shown is not None)
    assert shown is None or record.getMessage() == shown


def test_a_failed_run_s_first_line_names_what_failed() -> None:
    dbt = DbtFailure("2 of 2 nodes failed:\n  much", results=[node("broken", NodeStatus.ERROR, 0.5)] * 2)
    other = FatalError("the disk is full.\nMore of it")
    assert failure_message([ERROR]) == str(ERROR)
    assert failure_message([ERROR, dbt, other]).splitlines()[0] == (
        "3 problems: orders, dbt model broken and 1 more, the disk is full."
    )
    assert failure_message([dbt]) == f"1 problem: dbt model broken and 1 more\n\n{str(dbt).strip()}"
    assert "7 of 10 records break the contract" in failure_message([ERROR, dbt])
