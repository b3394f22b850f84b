"""The start-up of the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bench.case import Case, Measured, wall_of
from bench.measure import Command, Contender, interleave
from bench.results import Check, series_of
from bench.world import World, python

_LIMIT_SECONDS = 0.4
_COMMANDS: dict[str, Sequence[str]] = {
    "import ingest.cli.app": ("-c", "import ingest.cli.app"),
    "ingest --help": ("-m", "ingest", "--help"),
    "python -m orchestration.warehouse --help": ("-m", "orchestration.warehouse", "--help"),
    "an empty interpreter": ("-c", "pass"),
}


def measure(world: World) -> Measured:
    """Measure each command in turn."""
    contenders = [Contender(name, partial(_run, world, arguments)) for name, arguments in _COMMANDS.items()]
    series = series_of(interleave(contenders, world.scale.rounds, world.tell))
    names = ("import ingest.cli.app", "ingest --help")
    checks = [Check(what=name, value=wall_of(series, name), limit=_LIMIT_SECONDS, unit="s") for name in names]
    return Measured(series, tuple(checks))


@contextmanager
def _run(world: World, arguments: Sequence[str]) -> Iterator[Command]:
    yield Command([python(), *arguments], world.environment())


CASE = Case("startup", "Import and --help", "From the start of the interpreter to the end of the process.", measure)
