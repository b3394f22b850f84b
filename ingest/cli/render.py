"""Tables and progress output for people. Programs read the logs and the exit codes instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from difflib import unified_diff
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from common.foreign_text import harmless, spelt
from ingest.contracts.author import cursor_doubt
from ingest.contracts.model import ChildTables
from ingest.hints import here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ingest.apart import Outcome
    from ingest.contracts.accept import Acceptance
    from ingest.contracts.drift import Difference
    from ingest.contracts.introspect import LiveTable
    from ingest.contracts.model import StreamContract
    from ingest.errors import PlatformError
    from ingest.lake.commit import Commit
    from ingest.lake.gc import Orphans
    from ingest.logs import Progress as ProgressCallback
    from ingest.run.context import StreamResult
    from ingest.run.quarantine import RefusedRecord
    from ingest.verify.report import Verification

_WIDTH_OF_A_PIPE = 240
_RIGHT = {
    "rows",
    "equal",
    "changed",
    "missing",
    "extra",
    "doubled",
    "in flight",
    "records",
    "quarantined",
    "files",
    "size",
    "seconds",
    "version",
    "lag",
}


@contextmanager
def live_progress() -> Iterator[ProgressCallback]:
    """Yield a callback that shows rows per stream while they are read. It is silent if standard error is no
    terminal.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda stream, rows: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description:<20}"), TextColumn("{task.completed:>12,} rows"))
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        tasks: dict[str, int] = {}

        def show(stream: str, rows: int) -> None:
            if stream not in tasks:
                tasks[stream] = bar.add_task(stream, total=None)
            bar.update(tasks[stream], completed=rows)  # type: ignore[arg-type]

        yield show


def print_outcomes(outcomes: Sequence[Outcome[StreamResult]]) -> None:
    """Print the outcome of each stream, then every error in full."""
    rows: list[list[str]] = []
    for outcome in outcomes:
        result = outcome.result
        if result is None:
            rows.append([outcome.stream, *[""] * 6, _verdict(outcome)])
            continue
        rows.append(
            [
                outcome.stream,
                f"{result.rows_landed:,}",
                f"{result.rows_quarantined:,}" if result.rows_quarantined else "",
                size(result.bytes) if result.bytes else "",
                when(result.watermark_after),
                f"{result.lag_seconds:.0f} s" if result.lag_seconds is not None else "",
                f"{result.seconds:.2f}",
                "landed" if result.commits else "nothing new",
            ]
        )
    _print_table(["stream", "rows", "quarantined", "size", "watermark", "lag", "seconds", "outcome"], rows)
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    for outcome in outcomes:
        if outcome.error is not None:
            errors.print(f"[red bold]error[/] {escape(str(outcome.error))}")
        elif outcome.result is not None:
            for notice in outcome.result.notices:
                errors.print(f"[yellow]notice[/] {outcome.stream}: {escape(harmless(notice))}")
            if outcome.result.blocker and (outcome.result.lag_seconds is None or outcome.result.lag_seconds > 60):
                errors.print(
                    f"[yellow]notice[/] {outcome.stream}: held back by {escape(harmless(outcome.result.blocker))}"
                )


def print_verifications(found: Sequence[Verification], errors: Sequence[PlatformError]) -> None:
    """Print the comparison's result stream by stream, then every error in full."""
    rows = [
        [
            item.stream,
            str(item.version or ""),
            f"{item.equal:,}" if not item.note else "",
            *(f"{part.rows:,}" if part.rows else "" for part in (item.changed, item.missing, item.extra, item.doubled)),
            f"{item.in_flight:,}" if item.in_flight else "",
            f"{item.seconds:.2f}",
            _found(item),
        ]
        for item in found
    ]
    columns = [
        "stream",
        "version",
        "equal",
        "changed",
        "missing",
        "extra",
        "doubled",
        "in flight",
        "seconds",
        "outcome",
    ]
    _print_table(columns, rows)
    told = Console(soft_wrap=True, highlight=False)
    for item in found:
        # The error that ends the command says the rest.
        for difference in () if item.remains else item.differences:
            told.print(f"{item.stream}: {escape(harmless(difference))}")
    for error in errors:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"[red bold]error[/] {escape(str(error))}")


def _found(item: Verification) -> str:
    if item.note:
        return item.note
    if not item.differs:
        return "equal"
    if not item.landed:
        return "differs"
    versions = ", ".join(map(str, item.landed))
    return f"landed in version{'s' if len(item.landed) > 1 else ''} {versions}" + (
        "; some remain" if item.remains else ""
    )


def print_streams(
    contracts: Sequence[StreamContract], heads: Sequence[Commit | None], read: Sequence[datetime | None]
) -> None:
    """Print every stream: how it is read, its newest version, and the moment up to which its source was `read`.

    The source of a quiet stream was read further than its watermark says.
    """
    rows = []
    for contract, head, until in zip(contracts, heads, read, strict=True):
        spec = contract.spec
        rows.append(
            [
                contract.stream,
                contract.source_object,
                f"by {spec.cursor}" if spec.cursor else "whole",
                ", ".join(contract.key),
                spec.deletes.value,
                str(head.version) if head else "",
                when(head.watermark.after) if head else "never run",
                when(until),
            ]
        )
    _print_table(["stream", "source", "read", "key", "deletes", "version", "watermark", "read until"], rows)


def print_log(commits: Sequence[Commit]) -> None:
    """Print the commits, the newest last."""
    rows = []
    for commit in commits:
        kind = f"replay from {commit.replay_from}" if commit.replay_from else commit.kind.value
        rows.append(
            [
                str(commit.version),
                kind,
                f"{commit.rows:,}",
                f"{commit.counts.quarantined:,}" if commit.counts.quarantined else "",
                str(len(commit.files)),
                size(commit.size),
                when(commit.watermark.after),
                when(commit.committed_at),
                commit.run_id,
            ]
        )
    _print_table(["version", "kind", "rows", "quarantined", "files", "size", "watermark", "committed", "run"], rows)


def print_differences(stream: str, differences: Sequence[Difference]) -> None:
    """Print the differences between contract and source, one a line."""
    console = Console(soft_wrap=True, highlight=False)
    if not differences:
        console.print(f"[green]ok[/]       {stream}")
    for difference in differences:
        label = "[red]breaking[/]" if difference.breaking else "[yellow]notice[/]  "
        console.print(f"{label} {stream}: {escape(harmless(difference))}")


def print_draft(path: Path, contract: StreamContract, table: LiveTable, zone: str) -> None:
    """Print the contract that `contract new` wrote for `table`, and its open decisions. `zone` is the database's
    TimeZone.
    """
    spec = contract.spec
    key = f"key ({', '.join(contract.key)})" if contract.key else "no key"
    how = f"incremental by {spec.cursor}" if spec.cursor else "landed whole on each run"
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    console.print(f"{path}: stream {contract.stream}, {key}, {how}")
    if table.children:
        rows = "their rows are landed too" if spec.child_tables is ChildTables.INCLUDE else "their rows are left out"
        console.print(
            f"  {', '.join(table.children)} inherit from it; neither its key nor its triggers hold for them: {rows} "
            "(--child-tables include, exclude)."
        )
    if not contract.key:
        console.print(
            "  No column distinguishes its rows, so equal ones are counted as they are. Where columns identify a row, "
            "name them: --key COLUMN[,COLUMN]."
        )
    if spec.likely_cursor and contract.key:
        of_zone = ""
        if _has_no_zone(table, spec.likely_cursor):
            of_zone = f", cursorZone (the zone in which it is written; the database's own is {zone})"
        console.print(
            f"  '{spec.likely_cursor}' looks like a cursor, but it is not proved that every change moves it: "
            f"{cursor_doubt(table)}. If you know that every change does: mode incremental, cursor, cursorClock, "
            f"cursorEnforced false, deletes keys{of_zone}."
        )


def _has_no_zone(table: LiveTable, column: str) -> bool:
    return any(found.name == column and found.type.endswith("without time zone") for found in table.columns)


def print_acceptance(path: Path, before: str, acceptance: Acceptance | None, *, dry_run: bool) -> None:
    """Print the change that `contract accept` wrote, as a diff, and the steps that follow downstream."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if acceptance is None:
        console.print(f"{path} agrees with the source; there is nothing to accept.")
        return
    diff = unified_diff(before.splitlines(), acceptance.text.splitlines(), str(path), str(path), lineterm="", n=1)
    console.print(spelt("\n".join(diff)))
    kind = "major" if acceptance.is_major else "minor"
    verb = "would become" if dry_run else "is now"
    console.print(f"{path} {verb} version {acceptance.contract.version}, a {kind} one.")
    if acceptance.lands_whole:
        console.print("The stream has lost its cursor: from now on each run lands the table whole.")
    if acceptance.is_major:
        console.print(
            "RAW drops nothing: a column that is gone stays there, null in new rows, and a renamed one stands beside "
            "its old self. Staging models and marts that name what changed are to be edited."
        )
    console.print(here("Then: `python -m orchestration.dbt.sources`"))


def print_quarantine(found: Mapping[str, Sequence[RefusedRecord]]) -> None:
    """Print the number of refused records by stream, version and reason."""
    rows = []
    for stream, records in found.items():
        counted = Counter((item.version, item.refused_at, item.reason, item.settled_by) for item in records)
        for (version, at, reason, settled_by), count in sorted(counted.items(), key=lambda entry: entry[0][0]):
            state = "open" if settled_by is None else f"settled by version {settled_by}"
            rows.append([stream, str(version), when(at), f"{count:,}", reason, state])
    if not rows:
        Console(highlight=False).print("Quarantine is empty.")
        return
    _print_table(["stream", "version", "refused", "records", "reason", "state"], rows)


def print_refused(records: Sequence[RefusedRecord]) -> None:
    """Print refused records one by one. Bytes that are no text are escaped."""
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    for item in records:
        settled = f", settled by version {item.settled_by}" if item.settled_by is not None else ""
        console.print(f"version {item.version}, position {item.position}{settled}: {spelt(item.reason)}")
        if item.key is not None:
            console.print(f"  key    {spelt(str(item.key))}")
        console.print(f"  record {spelt(item.record.decode(errors='backslashreplace'))}")


def print_orphans(found: Sequence[Orphans], *, dry_run: bool) -> None:
    """Print the files that `gc` removed or would remove, and those that it left because they are young."""
    console = Console(soft_wrap=True, highlight=False)
    for orphans in found:
        if orphans.next_version is not None:
            took = "would take" if dry_run else "took"
            console.print(
                f"{took} version {orphans.next_version} of {orphans.stream} by an empty commit: a batch that still "
                "wanted it loses it"
            )
        for item in orphans.old:
            console.print(f"{'would remove' if dry_run else 'removed'} {item.key} ({size(item.bytes)})")
        for item in orphans.young:
            console.print(f"left, within the grace period: {item.key}")
    total = [item for orphans in found for item in orphans.old]
    verb = "would be removed" if dry_run else "removed"
    console.print(f"{len(total)} orphans {verb}, {size(sum(item.bytes for item in total))}.")


def size(count: int) -> str:
    """Return a number of bytes in a unit that people read easily."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):  # noqa: B007 - the last unit is used after the loop
        if value < 1000:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def when(moment: datetime | None) -> str:
    """Return a moment in UTC, to the second."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else ""


def _verdict(outcome: Outcome[StreamResult]) -> str:
    return "another writer won" if outcome.error is not None and outcome.error.exit_code == 3 else "failed"


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` under `columns`, without the columns that are empty in every row."""
    shown = [index for index, _ in enumerate(columns) if any(row[index] for row in rows)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index in shown:
        table.add_column(columns[index], justify="right" if columns[index] in _RIGHT else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(spelt(row[index])) for index in shown))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH_OF_A_PIPE)
    console.print(table)
