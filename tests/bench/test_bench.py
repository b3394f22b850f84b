"""The benchmark's harness: what it measures, how it goes on after a failure, what it writes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.machine import Machine
from bench.measure import BenchError, Command, Contender, Sample, interleave, run
from bench.parts import parts
from bench.pictures import draw
from bench.report import render
from bench.results import CaseResult, Check, Line, Picture, Results, Series

MACHINE = Machine(
    cpu="Z80",
    cores=1,
    memory_bytes=2**30,
    system="CP/M",
    python="3.11",
    postgres="15",
    disk="floppy",
    versions={"duckdb": "1"},
)


def program(text: str) -> Command:
    return Command([sys.executable, "-I", "-S", "-c", text], {})


def test_a_process_and_its_children_are_measured_together() -> None:
    burn = "x = b'1' * 60_000_000; y = sum(range(3_000_000))"
    alone = run(program("pass"))
    child = run(program(f"import subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-c', {burn!r}])"))
    assert child.cpu_seconds > alone.cpu_seconds
    assert child.peak_bytes > 60_000_000 > alone.peak_bytes


def test_a_failure_is_told_with_the_end_of_the_output() -> None:
    with pytest.raises(BenchError, match=r"exit code 3\.\nno such table"):
        run(program("print('no such table'); raise SystemExit(3)"))


def test_a_process_that_takes_too_long_is_ended() -> None:
    with pytest.raises(BenchError, match="did not end within 0 s"):
        run(Command([sys.executable, "-c", "import signal; signal.pause()"], {}, timeout_seconds=0.2))


def test_contenders_take_turns_after_one_warm_up_each() -> None:
    order: list[str] = []

    def contender(name: str) -> Contender:
        @contextmanager
        def trial() -> Iterator[Command]:
            order.append(name)
            yield program("pass")

        return Contender(name, trial)

    samples = interleave([contender("a"), contender("b")], 2, lambda line: None)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert {name: len(runs) for name, runs in samples.items()} == {"a": 2, "b": 2}


def test_the_page_shows_medians_targets_and_failures() -> None:
    walls = (1.0, 9.0, 2.0)
    series = Series(
        name="ours", samples=tuple(Sample(wall_seconds=w, cpu_seconds=1, peak_bytes=5_000_000) for w in walls)
    )
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    good = CaseResult(
        name="a",
        title="A",
        description="What.",
        series=(series,),
        checks=(Check(what="it", value=2, limit=1, unit="s"),),
        machine=MACHINE,
        measured_at=moment,
    )
    bad = CaseResult(
        name="b", title="B", description="Else.", error="it broke\nhere", machine=MACHINE, measured_at=moment
    )
    page = render(Results().plus(good).plus(bad), ["a", "b"])
    assert "| it | 2.00 s | 1.00 s | **no** |" in page
    assert "| ours | 2.00 | 1.00, 9.00 | 1.00 | 5 | 3 |" in page
    assert "Not measured: it broke\n" in page
    assert "1 cores of Z80" in page


def test_a_curve_is_drawn_the_same_for_the_same_figures_and_stands_on_the_page(tmp_path: Path) -> None:
    lines = (
        Line(name="ours", points=((1, 2.5), (5, 7.0), (20, 22.1))),
        Line(name="CPU", points=((1, 2.0), (20, 24.0))),
    )
    picture = Picture(name="rows", title="Seconds against rows", across="million rows", up="s", lines=lines)
    drawn = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        draw(picture, folder)
        drawn.append((folder / "curves" / "rows.svg").read_bytes())
    case = CaseResult(name="a", title="A", description="", machine=MACHINE, pictures=(picture,))

    assert drawn[0] == drawn[1]
    assert all(word in drawn[0] for word in (b"Seconds against rows", b"million rows", b"ours", b"CPU"))
    assert "![Seconds against rows](curves/rows.svg)\n" in render(Results().plus(case), ["a"])


def test_start_up_is_told_from_what_grows() -> None:
    def series(name: str, wall: float) -> Series:
        return Series(name=name, samples=(Sample(wall_seconds=wall, cpu_seconds=2 * wall, peak_bytes=1),))

    table = parts("a million rows", [(1_000_000, series("few", 3.0)), (5_000_000, series("many", 11.0))])

    assert table.rows == (("wall", "1.00", "2.00"), ("CPU", "2.00", "4.00"))


def test_results_are_kept_by_case(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    assert Results.read(path) == Results()
    one = CaseResult(name="a", title="A", description="", machine=MACHINE)
    results = Results().plus(one).plus(one.model_copy(update={"name": "b"}))
    results.write(path)
    assert Results.read(path) == results


@pytest.mark.slow
def test_a_small_run_measures_and_writes_its_page(tmp_path: Path) -> None:
    """The whole program, on the case that starts every server and needs no peer."""
    assert main(["--scale", "small", "--no-peers", "--out", str(tmp_path), "postgres"]) == 0
    result = Results.read(tmp_path / "benchmarks.json").cases["postgres"]
    assert result.error is None
    assert {series.name for series in result.series} == {"ingest run", "COPY to binary, thrown away"}
    assert "## Postgres to S3" in (tmp_path / "BENCHMARKS.md").read_text()


def test_the_cases_are_listed() -> None:
    listed = subprocess.run([sys.executable, "-m", "bench", "--list"], capture_output=True, text=True, check=True)
    assert re.search(r"^postgres +\d+ s  Postgres to S3$", listed.stdout, re.MULTILINE)
