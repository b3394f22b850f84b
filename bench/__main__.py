"""`python -m bench`: runs the cases, keeps their results, writes the page."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

from bench.case import Case, Measured
from bench.cases import CASES, DEFAULT
from bench.cost.page import write as write_costs
from bench.machine import Machine
from bench.measure import BenchError
from bench.pictures import draw
from bench.report import render
from bench.results import CaseResult, Results
from bench.scale import SCALES
from bench.world import World, open_world
from local.servers.postgres_server import SERVER_SETTINGS
from local.settings import REPOSITORY
from local.stack import describe

_PEERS = REPOSITORY / ".venv-bench"
_DOCS = REPOSITORY / "docs"
_SCRATCH = REPOSITORY / ".local" / "bench"


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark. Return exit code 1 if a case could not be measured. A missed target is no failure."""
    options = _parse(arguments)
    if options.list:
        _list([CASES[name] for name in options.cases or CASES])
        return 0
    cases = [CASES[name] for name in options.cases or DEFAULT]
    folder = options.out or (_DOCS if options.scale == "full" else _SCRATCH)
    results_file, page = folder / "benchmarks.json", folder / "BENCHMARKS.md"
    results = Results.read(results_file)
    failed = []
    if not options.render:
        scale = SCALES[options.scale]
        if options.rounds:
            scale = replace(scale, rounds=options.rounds)
        peers = _PEERS if options.peers and _PEERS.exists() else None
        if options.peers and peers is None:
            print("The peers are not installed (make bench installs them), so that ours is measured alone.")
        with open_world(scale, peers, _SCRATCH / "logs", _tell) as world:
            for case in cases:
                result = _measure(case, world)
                failed += [case.name] if result.error else []
                results = results.plus(result)
                results.write(results_file)
                page.write_text(render(results, list(CASES)))
    page.write_text(render(results, list(CASES)))
    for picture in (picture for case in results.cases.values() for picture in case.pictures):
        draw(picture, folder)
    print(f"Written: {page}")
    if folder == _DOCS:
        write_costs(_DOCS / "COST.md", results)
        print(f"Written: {_DOCS / 'COST.md'}")
    if failed:
        print(f"Not measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _list(cases: Sequence[Case]) -> None:
    """Print the cases, and how long each took when the page was last written."""
    taken = Results.read(_DOCS / "benchmarks.json").cases
    for case in cases:
        seconds = f"{taken[case.name].seconds:>5.0f} s" if case.name in taken else " " * 7
        print(f"{case.name:<10} {seconds}  {case.title}")


def _measure(case: Case, world: World) -> CaseResult:
    """Measure one case and return its result. An error is printed and kept, and the other cases go on."""
    _tell(f"{case.name}: {case.title}")
    started = monotonic()
    measured, error = Measured((), ()), None
    try:
        measured = case.measure(world)
    except BenchError as failure:
        error = str(failure)
    except Exception as failure:
        traceback.print_exc()
        error = f"{type(failure).__name__}: {failure}"
    if error is not None:
        _tell(f"    {error}")
    for check in measured.checks:
        _tell(
            f"    {'met   ' if check.met else 'MISSED'} {check.what}: {check.value:.3g} of {check.limit:g} {check.unit}"
        )
    seconds = monotonic() - started
    _tell(f"    took {seconds:.0f} s")
    return CaseResult(
        name=case.name,
        title=case.title,
        description=case.description,
        series=measured.series,
        checks=measured.checks,
        profile=measured.profile,
        figures=measured.figures,
        tables=measured.tables,
        pictures=measured.pictures,
        error=error,
        machine=_machine(world),
        seconds=seconds,
    )


def _machine(world: World) -> Machine:
    shown = ("fsync", "full_page_writes", "synchronous_commit")
    settings = ", ".join(f"{name} {SERVER_SETTINGS[name]}" for name in shown)
    return Machine.here(
        postgres=f"{describe(world.postgres.binaries)}, {settings}, all else as initdb leaves it",
        folder=world.directory.path.resolve(),
        peers=world.peers,
    )


def _tell(line: str) -> None:
    print(line, flush=True)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the platform, and its peers beside it."
    )
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", choices=[*CASES, []], help=f"cases to run (default: {' '.join(DEFAULT)})"
    )
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--scale", choices=list(SCALES), default="full", help="small: to try the harness")
    parser.add_argument("--rounds", type=int, help="runs of each contender (default: 5)")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="leave the other tools out")
    parser.add_argument(
        "--out", type=Path, help="folder for the page and the JSON (default: docs; .local/bench if small)"
    )
    parser.add_argument("--render", action="store_true", help="write the page again from the results, measure nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything is cleaned up in that case too
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
