"""A run's artifacts in Prefect's UI: the summary to read; streams, dbt's nodes, warnings and the reconciliation as
tables to search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from ingest.errors import PlatformError
from ingest.hints import here
from orchestration.prefect.show import markdown
from orchestration.prefect.show.tables import (
    HISTORY,
    NOTHING_TO_DO,
    Cells,
    landed_rows_differ,
    node_rows,
    not_compared,
    notes,
    of_what,
    readable,
    reconciliation_rows,
    stream_rows,
    warning_rows,
)
from orchestration.report import RunReport, StreamOutcome

SUMMARY = "run-summary"
_SLOWEST = 5

# Prefect types them as coroutines. Called from a flow that is not async, they return after the artifact is written.
_create_markdown: Callable[..., object] = create_markdown_artifact
_create_table: Callable[..., object] = create_table_artifact


def show(report: RunReport) -> None:
    """Write all artifacts of a run. Steps that the run did not reach have none."""
    tables: Sequence[tuple[str, str, list[Cells]]] = (
        (
            "run-streams",
            "Each stream: rows landed in the lake and loaded into RAW. Times are UTC.",
            stream_rows(report),
        ),
        (
            "run-dbt",
            "dbt's models, snapshots and tests: failures, warnings, then the slowest.",
            node_rows(report.nodes),
        ),
        ("run-warnings", WARNINGS, warning_rows(report)),
        ("run-reconciliation", RECONCILIATION, reconciliation_rows(report.reconciliations)),
    )
    for key, description, rows in tables:
        if rows:
            _create_table(readable(rows), key=key, description=description)
    _create_markdown(summary(report), key=SUMMARY, description="The summary of the run. Start here.")


def show_refusal(error: PlatformError) -> None:
    """Write the summary of a run that could not begin."""
    text = f"# The run could not begin\n\n{_shown(str(error))}\n\nNothing was read or written."
    _create_markdown(text, key=SUMMARY, description="Why the run did nothing.")


WARNINGS = (
    "Oddities of the source. They were landed unchanged and published. The compiled SQL of a test selects its rows."
)
RECONCILIATION = (
    "Current rows, counted at each stage: source less refused = lake = RAW = staging. "
    "Rows that were changed while the run read them are in flight, and left out of all counts."
)


_WHEN_COMPARED = (
    "A run that is not asked to look for deletions compares a stream that has some once COMPARE_EVERY_HOURS have "
    "passed since the last time; `full` and `keys` compare at once."
)


def headline(report: RunReport) -> str:
    """Return a run's outcome in one line."""
    parts = [
        "nothing to do" if report.is_idle else "",
        f"{_total(report.streams, _landed):,} rows landed" if report.streams else "",
        f"{sum(load.rows for load in report.loads):,} loaded" if report.loads else "",
        f"{len(report.nodes):,} dbt nodes{of_what(report)}" if report.nodes else "",
        _warnings_in_words(report),
        f"{_equal(report)} of {len(report.reconciliations)} streams equal{_left_out(report)}"
        if report.reconciliations
        else "",
        "" if report.is_idle else "published" if report.publication else "nothing published",
    ]
    return f"{', '.join(filter(None, parts))}, in {report.seconds:,.0f} s"


def summary(report: RunReport) -> str:
    """Return the run as one page of Markdown: failures, numbers, streams, reconciliation, dbt."""
    lines = [f"# Run {'failed' if report.problems else 'completed'} in {report.seconds:,.0f} s", ""]
    if report.problems:
        lines += [*_problems(report.problems), "## What was done", ""]
    lines += [NOTHING_TO_DO, ""] if report.is_idle else []
    lines += [*_numbers(report), ""]
    noted = [f"- {markdown.text(text)}" for text in report.remarks]
    noted += [f"- `{outcome.stream}`: {markdown.text(text)}" for outcome in report.streams for text in _notes(outcome)]
    if noted:
        lines += ["## Notes", "", *noted, ""]
    lines += _section("Warnings", warning_rows(report), text=WARNINGS, leave_out=("compiled SQL",))
    lines += _section("Streams", stream_rows(report), leave_out=("files", "lag, s", "note"))
    history = [] if landed_rows_differ(report.reconciliations) else HISTORY
    lines += _section(
        "Reconciliation", reconciliation_rows(report.reconciliations), text=RECONCILIATION, leave_out=history
    )
    lines += _section(f"dbt: the slowest {_SLOWEST}", node_rows(_slowest(report)), leave_out=("message", "status"))
    return "\n".join(lines)


def _problems(problems: Sequence[PlatformError]) -> list[str]:
    blocks = [line for problem in problems for line in (_shown(str(problem).strip()), "")]
    return [f"## What failed: {len(problems)} problem{'s' if len(problems) > 1 else ''}", "", *blocks]


def _shown(problem: str) -> str:
    """Return a problem in Markdown. One line is prose, and wraps; several lines keep their layout."""
    return markdown.code(problem) if "\n" in problem else f"> {markdown.text(problem)}"


def _numbers(report: RunReport) -> list[str]:
    failed = sum(node.failed for node in report.nodes)
    refused = _total(report.streams, _quarantined)
    quarantined = here(f", {refused:,} quarantined (`ingest quarantine list`)") if refused else ""
    landed = f"- **Landed** {_total(report.streams, _landed):,} rows of {len(report.streams)} streams{quarantined}"
    loaded = f"- **Loaded** {sum(load.rows for load in report.loads):,} rows into RAW"
    refresh = ", full refresh" if report.full_refresh else ""
    warned = f", {_warnings_in_words(report)}" if report.warnings else ""
    dbt = f"- **dbt** {len(report.nodes)} nodes{of_what(report)}, {failed} failed{warned}{refresh}"
    reconciled = f"- **Reconciled** {_equal(report)} of {len(report.reconciliations)} streams are equal"
    left_out = not_compared(report.reconciliations)
    compared = f"- **Not compared with the source** {markdown.text(left_out)}. {_WHEN_COMPARED}"
    published = f"- **Published** {f'`{report.publication.location}`' if report.publication else 'nothing'}"
    told = [
        (landed, report.streams),
        (loaded, report.loads),
        (dbt, report.nodes),
        (reconciled, report.reconciliations),
        (compared, left_out),
        (published, not report.is_idle),
    ]
    return [line for line, reached in told if reached]


def _warnings_in_words(report: RunReport) -> str:
    count = len(report.warnings)
    return f"{count} warning{'s' if count > 1 else ''}" if count else ""


def _section(title: str, rows: list[Cells], *, text: str = "", leave_out: Sequence[str] = ()) -> list[str]:
    if not rows:
        return []
    return [f"## {title}", "", *([text, ""] if text else []), *markdown.table(readable(rows, leave_out=leave_out))]


def _slowest(report: RunReport) -> list[Any]:
    return sorted(report.nodes, key=lambda node: -node.seconds)[:_SLOWEST]


def _notes(outcome: StreamOutcome) -> list[str]:
    """Return the stream's remarks. Errors are left out, because they are among the problems already."""
    return [] if outcome.error is not None else notes(outcome)


def _equal(report: RunReport) -> int:
    return sum(item.equal for item in report.reconciliations)


def _left_out(report: RunReport) -> str:
    """Return a remark on the number of streams that were not compared with the source; empty if there are none."""
    count = sum(item.source is None for item in report.reconciliations)
    return f" ({count} of them not compared with the source)" if count else ""


def _total(outcomes: Sequence[StreamOutcome], number: Callable[[Any], int]) -> int:
    return sum(number(outcome.result) for outcome in outcomes if outcome.result is not None)


def _landed(result: Any) -> int:
    return int(result.rows_landed)


def _quarantined(result: Any) -> int:
    return int(result.rows_quarantined)
