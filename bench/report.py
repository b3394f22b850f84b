"""Writes docs/BENCHMARKS.md from the results, and from the notes beside this file.

No figure on that page is typed by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench.cost import targets
from bench.machine import Machine
from bench.pictures import file_name
from bench.results import CaseResult, Check, Results, Series

NOTES = Path(__file__).with_name("notes")
"""One Markdown file for each case that needs explaining, named after it."""

_HEAD = """\
# Benchmarks

Written by `make bench` (`python -m bench`); the figures are in [benchmarks.json](benchmarks.json), and the words
below the tables come from `bench/notes/`. Measured are whole processes from their start to their end: imports,
connecting and the last request included. Contenders take turns (A B C A B C) after a warm-up, and the median of their
runs is shown. Slow ones take part in fewer rounds, down to one, so that all of it takes 25 minutes: the last column
says in how many. CPU is user and system time of the process tree; the servers they talk to (Postgres, the S3
endpoint, the API) run on the same machine and are not counted. Memory is the peak of the largest process, or of all
processes of the tree together where that is more.
"""


def render(results: Results, order: Sequence[str]) -> str:
    """Return the page's text."""
    cases = [results.cases[name] for name in order if name in results.cases]
    return "\n".join(_lines(cases, targets.checks(results))).rstrip() + "\n"


def _lines(cases: Sequence[CaseResult], costs: Sequence[Check]) -> Iterator[str]:
    yield _HEAD
    yield "## Targets\n"
    yield from _table(
        ["what", "measured", "at most", "reached"],
        [
            [check.what, _number(check.value, check), _number(check.limit, check), _verdict(check)]
            for check in [*_checks(cases), *costs]
        ],
    )
    for case in cases:
        yield from _case(case)
    yield "## The machine\n"
    for machine, names in _machines(cases).items():
        yield from _machine(machine, names)


def _checks(cases: Iterable[CaseResult]) -> list[Check]:
    return [check for case in cases for check in case.checks]


def _case(case: CaseResult) -> Iterator[str]:
    yield f"## {case.title}\n"
    yield f"{case.description}\n"
    if case.error is not None:
        yield f"Not measured: {case.error.splitlines()[0]}\n"
    if case.series:
        yield from _table(
            ["", "wall, s", "from, to", "CPU, s", "peak memory, MB", "runs"], [_row(series) for series in case.series]
        )
    notes = [f"- {series.name}: {series.note}" for series in case.series if series.note]
    if notes:
        yield "\n".join(notes) + "\n"
    if case.profile:
        yield "Where the CPU of one run of ours goes:\n"
        yield from _table(["stage", "CPU, s"], [[stage, f"{cpu:.2f}"] for stage, cpu in case.profile.items()])
    for picture in case.pictures:
        yield f"![{picture.title}]({file_name(picture)})\n"
    for table in case.tables:
        if table.title:
            yield f"{table.title}\n"
        yield from _table(table.head, table.rows)
    if case.figures:
        yield from _table(["counted", ""], [[what, f"{value:,.10g}"] for what, value in case.figures.items()])
    words = NOTES / f"{case.name}.md"
    if words.exists():
        yield words.read_text()


def _row(series: Series) -> list[str]:
    low, high = series.spread
    peak = f"{series.peak / 1e6:,.0f}"
    return [
        series.name,
        f"{series.wall:.2f}",
        f"{low:.2f}, {high:.2f}",
        f"{series.cpu:.2f}",
        peak,
        str(len(series.samples)),
    ]


def _number(value: float, check: Check) -> str:
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return f"{text} {check.unit}".strip()


def _verdict(check: Check) -> str:
    return "yes" if check.met else "**no**"


def _machines(cases: Iterable[CaseResult]) -> dict[Machine, list[str]]:
    by_text: dict[str, tuple[Machine, list[str]]] = {}
    for case in cases:
        by_text.setdefault(case.machine.model_dump_json(), (case.machine, []))[1].append(
            f"{case.title} ({case.measured_at:%Y-%m-%d %H:%M} UTC, {case.seconds:.0f} s)"
        )
    return dict(by_text.values())


def _machine(machine: Machine, names: Sequence[str]) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    yield f"{machine.cores} cores of {machine.cpu}, {machine.memory_bytes / 2**30:.0f} GiB of memory, {machine.system}."
    yield f"Data on {machine.disk}. Python {machine.python}. Postgres {machine.postgres}. {versions}.\n"
    yield "Measured on it: " + "; ".join(names) + ".\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""
