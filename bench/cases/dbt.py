"""dbt after new events have come, beside building everything anew, over histories of several lengths."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.case import Case, Measured, wall_of
from bench.history import FILE_NAME, History
from bench.measure import Command, Contender, interleave, run
from bench.results import Check, Series, series_of
from bench.world import World, python
from orchestration.settings import REPOSITORY, OrchestrationSettings

_NEW = 0.01
_FEWER_ROUNDS = 3
_LONG = 1_000_000
"""A full refresh of a longer history than this takes minutes, and is done `_FEWER_ROUNDS` times."""


def measure(world: World) -> Measured:
    """One history after the other, each removed before the next is written."""
    series: list[Series] = []
    for events in world.scale.history_events:
        with world.folder(f"history-{events}") as folder:
            series.extend(_measure_one(world, folder, events))
    return Measured(tuple(series), tuple(_checks(tuple(series), world.scale.history_events)))


def _measure_one(world: World, folder: Path, events: int) -> tuple[Series, ...]:
    history = History(folder, events)
    history.write()
    run(_build(world, history.path, folder))
    history.add(_NEW)
    contenders = [
        Contender(_name(events, full=False), partial(_trial, world, history.path, folder, False)),
        Contender(
            _name(events, full=True),
            partial(_trial, world, history.path, folder, True),
            at_most=_FEWER_ROUNDS if events > _LONG else None,
        ),
    ]
    # The build that made the history has warmed dbt up.
    return series_of(interleave(contenders, world.scale.rounds, world.tell, warm_up=False))


@contextmanager
def _trial(world: World, built: Path, folder: Path, full: bool) -> Iterator[Command]:
    """The same database each time: built over the history, with the new rows in RAW."""
    with world.folder("dbt") as own:
        shutil.copy(built, own / FILE_NAME)
        yield _build(world, own / FILE_NAME, folder, *(["--full-refresh"] if full else []))


def _build(world: World, database: Path, folder: Path, *options: str) -> Command:
    """`dbt build` as the flow runs it. What dbt parsed is kept in `folder`, as the flow keeps it."""
    variables = {
        "DUCKDB_PATH": str(database),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_THREADS": str(OrchestrationSettings.model_fields["dbt_threads"].default),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    project = REPOSITORY / "dbt"
    where = ("--project-dir", project, "--profiles-dir", project)
    return Command(
        [
            Path(python()).with_name("dbt"),
            "--no-use-colors",
            "build",
            "--exclude=resource_type:unit_test",
            *where,
            *options,
        ],
        world.environment(variables),
    )


def _checks(series: tuple[Series, ...], sizes: tuple[int, ...]) -> Iterator[Check]:
    for events in sizes:
        ratio = wall_of(series, _name(events, full=False)) / wall_of(series, _name(events, full=True))
        if events == max(sizes):
            what = f"dbt build with {_NEW:.0%} new at {events:,} events, over a full refresh"
            yield Check(what=what, value=ratio, limit=0.2, unit="x")
    smallest, largest = min(sizes), max(sizes)
    grown = wall_of(series, _name(largest, full=False)) / wall_of(series, _name(smallest, full=False))
    yield Check(
        what=f"dbt build with {_NEW:.0%} new, {largest:,} events over {smallest:,}",
        value=grown,
        limit=largest / smallest,
        unit="x",
    )


def _name(events: int, *, full: bool) -> str:
    return f"{'full refresh' if full else f'{_NEW:.0%} new'}, {events:,} events"


CASE = Case(
    "dbt",
    "dbt: new events against all events",
    "`dbt build`, models and audits, on DuckDB: once with 1 % new events, orders and stock movements on top of a built "
    "history, once with --full-refresh on the same database. A tenth of the new events belongs to messages of the days "
    "before, for every 100 events there is an order.",
    measure,
)
