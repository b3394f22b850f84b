"""Many small tables in one run: the fixed cost of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.case import Case, Measured, wall_of
from bench.cases.lakes import require_rows
from bench.measure import Command, Contender, interleave, run
from bench.results import Check, series_of
from bench.tables import create_database, make_small_tables
from bench.world import World, python

OURS = "ingest run"
START = "start-up alone"
_ROWS = 100
_ROUNDS = 3


def measure(world: World) -> Measured:
    """Measure a run of all tables, and a process that only starts."""
    tables = world.scale.tables
    where = create_database(world.postgres, "small_tables")
    names = make_small_tables(where, tables, _ROWS)
    with world.folder("contracts") as contracts:
        variables = {"POSTGRES_DSN": where, "CONTRACTS_DIR": str(contracts)}
        run(Command([python(), "-m", "ingest", "contract", "new", *names], world.environment(variables)))
        contenders = [
            Contender(OURS, partial(_ours, world, where, contracts, names)),
            Contender(START, partial(_start, world, contracts)),
        ]
        series = series_of(interleave(contenders, min(world.scale.rounds, _ROUNDS), world.tell))
    each = (wall_of(series, OURS) - wall_of(series, START)) / tables * 1000
    return Measured(series, (Check(what=f"Each of {tables} tables of {_ROWS} rows", value=each, limit=40, unit="ms"),))


@contextmanager
def _ours(world: World, where: str, contracts: Path, names: list[str]) -> Iterator[Command]:
    with world.lake() as lake:
        variables = {"POSTGRES_DSN": where, "CONTRACTS_DIR": str(contracts)}
        yield Command([python(), "-m", "ingest", "run"], world.environment(lake.environment, variables))
        for name in (names[0], names[-1]):
            require_rows(lake, name.partition(".")[2], _ROWS)


@contextmanager
def _start(world: World, contracts: Path) -> Iterator[Command]:
    variables = {"CONTRACTS_DIR": str(contracts), "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}
    yield Command([python(), "-m", "bench.programs.start_only"], world.environment(variables))


CASE = Case(
    "tables",
    "Many small tables",
    f"Tables of {_ROWS} rows, each with a contract as `ingest contract new` drafts it, landed in one run: a file, a "
    "commit and a hint each. Start-up is a process that imports the same libraries and loads the same contracts.",
    measure,
)
