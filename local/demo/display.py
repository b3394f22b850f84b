"""Progress of a run on the terminal: a line for each finished stream and model, below them the running ones.

Without a terminal only the lines of finished work are printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.text import Text

from local.stack import Started
from orchestration.dbt.events import NodeFinished, NodeStarted, NodeStatus
from orchestration.reconcile.comparison import Reconciliation
from orchestration.report import StreamOutcome
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.protocol import Publication

STEP_TITLES = {
    "ingest": "Ingest: sources to lake",
    "load": "Load: lake to RAW",
    "dbt": "dbt: RAW to marts, tested",
    "reconcile": "Reconcile: source = lake = RAW = staging",
    "publish": "Publish: what readers have",
}
_TESTS = ("test", "unit_test")
_NAMES_SHOWN = 3


class Display:
    """A printer of the demo's events. Implements `orchestration.progress.Progress`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begin = monotonic()
        self._status: Status | None = None
        self._reading: dict[str, int] = {}
        self._building: dict[str, str] = {}
        self._tests = _TestCount()

    @contextmanager
    def live(self, words: str) -> Iterator[None]:
        """Keep a line about running work at the bottom, on a terminal only."""
        with self._console.status(escape(words), spinner="dots") as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def chapter(self, title: str) -> None:
        """Print the title of the demo's next part, with the time since its beginning."""
        self._end_of_tests()
        minutes, seconds = divmod(round(monotonic() - self._begin), 60)
        self._console.print()
        self._console.rule(f"[bold]{title}[/] [dim]{minutes}:{seconds:02}[/]", align="left")

    def started(self, part: Started) -> None:
        """Print that a part of the stack is up."""
        self.say(f"[green]✓[/] {part.part:<16} [dim]{part.detail:<50} {part.seconds:>6.1f} s[/]")

    def say(self, words: str) -> None:
        """Print a line."""
        self._console.print(f"  {words}", soft_wrap=True)

    def step(self, name: str, detail: str = "") -> None:
        self._end_of_tests()
        title = STEP_TITLES.get(name, f"{name} {detail}")
        self._console.print(f"\n[bold]{escape(title)}[/]")
        self._now(title)

    def stream_started(self, stream: str) -> None:
        self._reading[stream] = 0
        self._show_reading()

    def stream_read(self, stream: str, records: int) -> None:
        self._reading[stream] = records
        self._show_reading()

    def stream_finished(self, outcome: StreamOutcome) -> None:
        self._reading.pop(outcome.stream, None)
        if outcome.result is not None:
            refused = f"{outcome.result.rows_quarantined:,} quarantined" if outcome.result.rows_quarantined else ""
            self._line(outcome.stream, refused, rows=outcome.result.rows_landed, seconds=outcome.result.seconds)
        else:
            self._trouble(outcome.stream, str(outcome.error or outcome.overtaken or ""))
        self._show_reading()

    def loaded(self, result: LoadResult) -> None:
        versions = f"{len(result.commits)} versions" if len(result.commits) != 1 else "1 version"
        self._line(result.stream, versions, rows=result.rows, seconds=result.seconds)

    def dbt_started(self, node: NodeStarted) -> None:
        if node.resource_type not in _TESTS:
            self._building[node.unique_id] = node.name
        self._show_building()

    def dbt_finished(self, node: NodeFinished) -> None:
        self._building.pop(node.unique_id, None)
        if node.failed:
            self._trouble(node.name, node.message or node.status.value)
        elif node.resource_type in _TESTS:
            self._tests.add(node)
            if node.warned:
                self.say(f"[yellow]![/] {escape(node.description or node.name)} {node.failures or 0:,} rows")
        elif node.status is NodeStatus.SKIPPED:
            self._trouble(node.name, "skipped: something that it reads failed")
        elif node.status is not NodeStatus.NO_OP:
            self._line(node.name, node.materialized, rows=node.rows, seconds=node.seconds)
        self._show_building()

    def reconciled(self, reconciliation: Reconciliation) -> None:
        if reconciliation.equal:
            self._line(reconciliation.stream, reconciliation.note or "equal", rows=reconciliation.lake)
        else:
            self._trouble(reconciliation.stream, "; ".join(reconciliation.differences))

    def published(self, publication: Publication) -> None:
        size = f"{publication.bytes / 1e6:,.0f} MB" if publication.bytes else ""
        self._line("warehouse", size, seconds=publication.seconds)

    def _line(self, name: str, detail: str, *, rows: int | None = None, seconds: float | None = None) -> None:
        counted = f"{rows:>10,} rows" if rows is not None else " " * 15
        took = f"{seconds:>6.1f} s" if seconds is not None else ""
        self.say(f"[green]✓[/] {escape(name):<28} [dim]{escape(detail):<17}[/] {counted} [dim]{took:>10}[/]")

    def _trouble(self, name: str, words: str) -> None:
        self.say(f"[bold red]✗[/] {escape(name):<28} {escape(words)}")

    def _end_of_tests(self) -> None:
        if self._tests.done:
            self._line(f"{self._tests.done} tests", self._tests.words, seconds=self._tests.seconds)
        self._tests = _TestCount()

    def _show_reading(self) -> None:
        shown = [f"{stream} {records:,}" if records else stream for stream, records in self._reading.items()]
        if shown:
            self._now(f"reading {_some(shown)}")

    def _show_building(self) -> None:
        tests = f"tests passed: {self._tests.done}" if self._tests.done else ""
        models = f"building {_some(list(self._building.values()))}" if self._building else ""
        self._now(" · ".join(filter(None, (tests, models))))

    def _now(self, words: str) -> None:
        if self._status is not None:
            self._status.update(Text(words, no_wrap=True, overflow="ellipsis"))


class _TestCount:
    """The number of tests of one build that did not fail. `seconds` is their sum, although several run at once."""

    def __init__(self) -> None:
        self.done = 0
        self.warned = 0
        self.seconds = 0.0

    def add(self, node: NodeFinished) -> None:
        self.done += 1
        self.warned += node.status is NodeStatus.WARN
        self.seconds += node.seconds

    @property
    def words(self) -> str:
        return f"{self.warned} with a warning" if self.warned else "all passed"


def _some(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
