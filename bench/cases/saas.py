"""The event list of the e-mail provider to S3, compared with a loop that fetches the same pages and decodes nothing."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.case import Case, Measured, wall_of
from bench.cases.lakes import require_parquet_rows, require_rows
from bench.measure import Command, Contender, interleave, run
from bench.peers import environment as tools
from bench.results import Check, Series, series_of
from bench.servers.events_api import PAGE_SIZE
from bench.world import World, python

STREAM = "email_events"
OURS = "ingest run"
LOOP = "bare httpx loop"
DLT = "dlt, rest_api"
_LATENCY_MS = 50
START, LOOP_START = "start-up of ingest", "start-up of the loop"
_FEWEST_ROUNDS = 1
"""Of dlt, which takes minutes."""
_LEAST = 0.001
"""Seconds: what a few events take is less than what start-up varies by."""
_FAR_ROUNDS = 2
"""Of what waits for each page."""


def measure(world: World) -> Measured:
    """Measure without latency, with dlt for comparison, then with a latency on each page."""
    near = _contenders(world, world.scale.events, 0)
    far = _contenders(world, world.scale.latency_events, _LATENCY_MS)
    peers = [] if world.peers is None else [_dlt_contender(world, world.peers, world.scale.events)]
    starts = [Contender(START, partial(_start, world)), Contender(LOOP_START, partial(_loop, world, 0, 0))]
    series = series_of(interleave([*near, *starts, *peers, *far], world.scale.rounds, world.tell))
    checks = [_each(series, *near)]
    checks += [_check(series, near[0], peer, DLT, 0.15) for peer in peers]
    checks.append(_check(series, *far, f"the {LOOP}", 1.2))
    return Measured(series, tuple(checks), _profile(world))


def _check(series: tuple[Series, ...], mine: Contender, other: Contender, over: str, limit: float) -> Check:
    ratio = wall_of(series, mine.name) / wall_of(series, other.name)
    return Check(what=f"{mine.name}, over {over}", value=ratio, limit=limit, unit="x")


def _each(series: tuple[Series, ...], mine: Contender, loop: Contender) -> Check:
    """Return the check of the cost of an event beyond start-up."""
    ours = wall_of(series, mine.name) - wall_of(series, START)
    bare = max(wall_of(series, loop.name) - wall_of(series, LOOP_START), _LEAST)
    return Check(what=f"Beyond start-up, {mine.name}, over the {LOOP}", value=ours / bare, limit=2.0, unit="x")


@contextmanager
def _start(world: World) -> Iterator[Command]:
    yield Command(
        [python(), "-m", "bench.programs.start_only"], world.environment({"AWS_DEFAULT_REGION": "eu-central-1"})
    )


def _contenders(world: World, events: int, latency_ms: int) -> tuple[Contender, Contender]:
    size = f"{events:,} events" + (f", {latency_ms} ms a page" if latency_ms else "")
    few = 10 * PAGE_SIZE
    rounds = _FAR_ROUNDS if latency_ms else None
    return (
        Contender(f"{OURS}, {size}", partial(_ours, world, events, latency_ms), partial(_ours, world, few, 0), rounds),
        Contender(f"{LOOP}, {size}", partial(_loop, world, events, latency_ms), partial(_loop, world, few, 0), rounds),
    )


def _profile(world: World) -> dict[str, float]:
    """Return the CPU seconds by stage, at the size of the first pair."""
    with world.lake() as lake, world.folder("profile") as folder:
        variables = {"SAAS_BASE_URL": _base_url(world, world.scale.events, 0), "SAAS_API_KEY": "bench"}
        arguments = [python(), "-m", "bench.programs.profile_events", folder / "stages.json"]
        run(Command(arguments, world.environment(lake.environment, variables)))
        stages: dict[str, float] = json.loads((folder / "stages.json").read_text())
        return stages


@contextmanager
def _ours(world: World, events: int, latency_ms: int) -> Iterator[Command]:
    """Yield `ingest run` into an empty lake. Afterwards all events must be committed."""
    with world.lake() as lake:
        variables = {"SAAS_BASE_URL": f"{_base_url(world, events, latency_ms)}", "SAAS_API_KEY": "bench"}
        command = [python(), "-m", "ingest", "run", "--stream", STREAM]
        yield Command(command, world.environment(lake.environment, variables))
        require_rows(lake, STREAM, events)


def _dlt_contender(world: World, peers: Path, events: int) -> Contender:
    return Contender(
        f"{DLT}, {events:,} events",
        partial(_dlt, world, peers, events),
        partial(_dlt, world, peers, 10 * PAGE_SIZE),
        at_most=_FEWEST_ROUNDS,
    )


@contextmanager
def _dlt(world: World, peers: Path, events: int) -> Iterator[Command]:
    """Yield dlt's pipeline into an empty bucket. Afterwards all events must be in its files."""
    with world.lake() as lake, tempfile.TemporaryDirectory(prefix="bench-peer-") as folder:
        variables = world.environment(lake.environment, {"SAAS_BASE_URL": _base_url(world, events, 0)})
        yield tools.dlt_rest_api(peers, variables, Path(folder))
        require_parquet_rows(lake, "dlt/events/email_events/", events)


@contextmanager
def _loop(world: World, events: int, latency_ms: int) -> Iterator[Command]:
    pages = -(-events // PAGE_SIZE)
    command = [python(), "-m", "bench.programs.http_loop", _base_url(world, events, latency_ms), str(pages)]
    yield Command(command, world.environment())


def _base_url(world: World, events: int, latency_ms: int) -> str:
    return world.events_api(events) + (f"/{latency_ms}ms" if latency_ms else "")


CASE = Case(
    "saas",
    "E-mail provider to S3",
    f"An API of {PAGE_SIZE:,} events a page, rendered beforehand, into committed Parquet: each record kept to the "
    "byte, checked against its contract, its envelope typed. The loop fetches the same pages with the same HTTP "
    "library and throws them away. dlt's `rest_api` takes the records apart into columns, and "
    "promises less. A page's cursor is known once the page before has arrived, so that no two fetches "
    "can overlap; a fetch can overlap the decoding and writing of the page before.",
    measure,
)
