"""dbt after new events have arrived, and a full refresh for comparison, over histories of several lengths."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.case import Case, Measured, find, wall_of
from bench.history import History
from bench.measure import Command, Contender, interleave, run
from bench.parts import parts
from bench.results import Check, Line, Picture, Series, series_of
from bench.world import World
from orchestration.dbt import waiting
from orchestration.dbt.runner import NOT_OF_A_RUN, OWN_DATA
from orchestration.runs import PARSED, TEMPLATES
from orchestration.settings import REPOSITORY, OrchestrationSettings

_NEW = 0.01
_ROUNDS = 2
"""A build takes from ten seconds to more than a minute."""
_LONG = 1_000_000
"""A full refresh of a longer history than this is done once."""


def measure(world: World) -> Measured:
    """Measure one history after the other. Each is removed before the next is written."""
    series: list[Series] = []
    for events in world.scale.history_events:
        with world.folder(f"history-{events}") as folder:
            series.extend(_measure_one(world, folder, events))
    points = [
        (events, find(tuple(series), _name(events, full=full)))
        for events in world.scale.history_events
        for full in (False, True)
    ]
    names = [_kind(full=full) for full in (False, True)]
    return Measured(
        tuple(series),
        tuple(_checks(tuple(series), world.scale.history_events)),
        tables=(parts("a million events", points, names),),
        pictures=(_curve(points, names),),
    )


def _curve(points: Sequence[tuple[int, Series]], names: Sequence[str]) -> Picture:
    lines = [
        Line(
            name=name, points=tuple((events / 1e6, item.wall) for events, item in points if item.name.startswith(name))
        )
        for name in names
    ]
    return Picture(
        name="dbt-seconds",
        title="dbt build: seconds against events",
        across="million events",
        up="s",
        lines=tuple(lines),
    )


def _measure_one(world: World, folder: Path, events: int) -> tuple[Series, ...]:
    history = History(folder, events)
    history.write()
    run(_build(world, history.path, folder, full=True))
    history.add(_NEW)
    new = folder / "new"
    history.path.rename(new)
    contenders = [
        Contender(_name(events, full=False), partial(_trial, world, new, history.path, False), at_most=_ROUNDS),
        Contender(
            _name(events, full=True),
            partial(_trial, world, new, history.path, True),
            at_most=1 if events > _LONG else _ROUNDS,
        ),
    ]
    # The build that made the history has warmed dbt up.
    return series_of(interleave(contenders, world.scale.rounds, world.tell, warm_up=False))


@contextmanager
def _trial(world: World, built: Path, database: Path, full: bool) -> Iterator[Command]:
    """Yield a build on the same database in the same place, so that dbt's kept parsing is valid.

    The database is built over the history and has the new rows in RAW.
    """
    shutil.copy(built, database)
    try:
        yield _build(world, database, database.parent, full=full)
    finally:
        database.unlink()


def _build(world: World, database: Path, folder: Path, *, full: bool) -> Command:
    """Return the command `dbt build` as the flow runs it, incremental or full, except for its messages about its own
    runs.

    dbt's parsing is kept in `folder`, as the flow keeps it. No work is done ahead: the command reads its order at once.
    """
    variables = {
        "DUCKDB_PATH": str(database),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_THREADS": str(OrchestrationSettings.model_fields["dbt_threads"].default),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "FULL_TESTS": str(full).lower(),
    }
    project = REPOSITORY / "dbt"
    where = ("--project-dir", str(project), "--profiles-dir", str(project))
    arguments = [
        *("--no-use-colors", "build", *where),
        *(f"--exclude={item}" for item in (*NOT_OF_A_RUN, *OWN_DATA)),
        *(["--full-refresh"] if full else []),
    ]
    environment = world.environment(variables)
    return Command(
        waiting.command("duckdb", folder / TEMPLATES, folder / PARSED),
        environment,
        given=waiting.order(arguments, environment),
    )


def _checks(series: tuple[Series, ...], sizes: tuple[int, ...]) -> Iterator[Check]:
    for events in sizes:
        ratio = wall_of(series, _name(events, full=False)) / wall_of(series, _name(events, full=True))
        if events == max(sizes):
            what = f"dbt build with {_NEW:.0%} new at {events:,} events, over a full refresh"
            yield Check(what=what, value=ratio, limit=0.15, unit="x")
    smallest, largest = min(sizes), max(sizes)
    grown = wall_of(series, _name(largest, full=False)) / wall_of(series, _name(smallest, full=False))
    yield Check(
        what=f"dbt build with {_NEW:.0%} new, {largest:,} events over {smallest:,}",
        value=grown,
        limit=1.3,
        unit="x",
    )


def _name(events: int, *, full: bool) -> str:
    return f"{_kind(full=full)}, {events:,} events"


def _kind(*, full: bool) -> str:
    return "full refresh" if full else f"{_NEW:.0%} new"


CASE = Case(
    "dbt",
    "dbt: new events against all events",
    "`dbt build`, models and audits, on DuckDB: once with 1 % new events, orders and stock movements on top of a built "
    "history, as a run of what is new, once with --full-refresh on the same database, as a run of everything. A tenth "
    "of the new events belongs to messages of the days before, for every 100 events there is an order.",
    measure,
)
