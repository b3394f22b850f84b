"""One large table from Postgres to S3, compared with alternative tools."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from bench.case import Case, Measured, find, wall_of
from bench.cases.lakes import ingest_movements_anew, require_parquet_rows
from bench.measure import BenchError, Command, Contender, interleave
from bench.parts import parts
from bench.peers import environment as tools
from bench.results import Check, Line, Picture, Series, series_of
from bench.world import World

OURS = "ingest run"
CEILING = "COPY to binary, thrown away"
ADBC_LOOP = "ADBC loop, no overlap"
DUCKDB = "DuckDB's COPY, two threads"
DLT_ARROW = "dlt, pyarrow"
DLT_CONNECTORX = "dlt, connectorx"
SLING = "Sling, CSV"

_COPY = "COPY (SELECT * FROM public.stock_movements) TO STDOUT (FORMAT binary)"
_WARMUP_SHARE = 50
_MEMORY_ROUNDS = 3
_FEWER_ROUNDS = {ADBC_LOOP: 2, DLT_CONNECTORX: 3, DLT_ARROW: 1, SLING: 1}
"""Of those that take from ten seconds to more than a minute."""


def measure(world: World) -> Measured:
    """Measure all tools on the same table and the same endpoint."""
    rows = world.scale.rows
    few = max(rows // _WARMUP_SHARE, 1_000)
    trials: dict[str, Callable[[int], AbstractContextManager[Command]]] = {
        OURS: partial(ingest_movements_anew, world),
        CEILING: partial(_ceiling, world),
    }
    if world.peers is not None:
        trials[ADBC_LOOP] = partial(
            _in_lake, world, lambda variables, _: tools.adbc_loop(world_peers(world), variables)
        )
        trials[DUCKDB] = partial(_duckdb, world, world.peers)
        for name, backend in ((DLT_ARROW, "pyarrow"), (DLT_CONNECTORX, "connectorx")):
            trials[name] = partial(_in_lake, world, partial(_dlt, world, backend))
        if tools.has_sling(world.peers):
            trials[SLING] = partial(_in_lake, world, partial(_sling, world))
    # The ceiling's warm-up reads the large table once. The others only load their libraries, on a small table.
    contenders = [
        Contender(
            name,
            partial(trial, rows),
            partial(trial, rows if name in (OURS, CEILING) else few),
            at_most=_FEWER_ROUNDS.get(name),
        )
        for name, trial in trials.items()
    ]
    series = series_of(interleave(contenders, world.scale.rounds, world.tell))
    return Measured(series, tuple(_checks(series, rows)))


def measure_memory(world: World) -> Measured:
    """Measure our own memory at several sizes."""
    series: list[Series] = []
    for rows in world.scale.memory_rows:
        contender = Contender(
            f"{OURS}, {rows:,} rows",
            partial(ingest_movements_anew, world, rows),
            partial(ingest_movements_anew, world, 1_000),
        )
        rounds = 1 if rows > world.scale.rows else min(world.scale.rounds, _MEMORY_ROUNDS)
        series.extend(series_of(interleave([contender], rounds, world.tell)))
        if rows != world.scale.rows:
            world.movements.drop(rows)
    peaks = [item.peak for item in series]
    largest = Check(what="Peak memory, any size", value=max(peaks) / 1e6, limit=256, unit="MB")
    spread = Check(what="Largest peak over smallest", value=max(peaks) / min(peaks), limit=1.10, unit="x")
    points = tuple((rows, item) for rows, item in zip(world.scale.memory_rows, series, strict=True))
    return Measured(
        tuple(series), (largest, spread), tables=(parts("a million rows", points),), pictures=_curves(points)
    )


def _curves(points: Sequence[tuple[int, Series]]) -> tuple[Picture, ...]:
    """Return pictures of seconds and memory against rows."""
    million = [rows / 1e6 for rows, _ in points]

    def line(name: str, values: Iterable[float]) -> Line:
        return Line(name=name, points=tuple(zip(million, values, strict=True)))

    seconds = Picture(
        name="rows-seconds",
        title="Postgres to S3: seconds against rows",
        across="million rows",
        up="s",
        lines=(line("wall", (item.wall for _, item in points)), line("CPU", (item.cpu for _, item in points))),
    )
    memory = Picture(
        name="rows-memory",
        title="Postgres to S3: peak memory against rows",
        across="million rows",
        up="MB",
        lines=(line("peak", (item.peak / 1e6 for _, item in points)),),
    )
    return seconds, memory


@contextmanager
def _ceiling(world: World, rows: int) -> Iterator[Command]:
    psql = world.postgres.binaries.directory / "psql"
    if not psql.exists():
        raise BenchError(f"there is no {psql}")
    arguments = [psql, "--no-psqlrc", "--quiet", "--output=/dev/null", f"--command={_COPY}", world.movements.dsn(rows)]
    yield Command(arguments, world.environment())


@contextmanager
def _in_lake(world: World, make: Callable[[dict[str, str], Path], Command], rows: int) -> Iterator[Command]:
    """Yield a peer's command on an empty bucket and an empty folder. Afterwards the bucket must not be empty."""
    with world.lake() as lake, tempfile.TemporaryDirectory(prefix="bench-peer-") as folder:
        variables = world.environment(lake.environment, {"POSTGRES_DSN": world.movements.dsn(rows)})
        yield make(variables, Path(folder))
        if not lake.server.client().list_objects_v2(Bucket=lake.bucket).get("KeyCount"):
            raise BenchError("the peer wrote nothing")


@contextmanager
def _duckdb(world: World, peers: Path, rows: int) -> Iterator[Command]:
    """Yield DuckDB's copy into an empty bucket. Afterwards all rows must be in its file."""
    with world.lake() as lake:
        variables = world.environment(lake.environment, {"POSTGRES_DSN": world.movements.dsn(rows)})
        yield tools.duckdb_copy(peers, variables)
        require_parquet_rows(lake, "duckdb/", rows)


def _dlt(world: World, backend: str, variables: dict[str, str], folder: Path) -> Command:
    return tools.dlt_pipeline(world_peers(world), backend, variables, folder)


def _sling(world: World, variables: dict[str, str], folder: Path) -> Command:
    return tools.sling(world_peers(world), variables, folder)


def world_peers(world: World) -> Path:
    """Return the environment of the peers. Raises BenchError if it is not installed."""
    if world.peers is None:
        raise BenchError("the peers are not installed")
    return world.peers


def _checks(series: tuple[Series, ...], rows: int) -> Iterator[Check]:
    mine = find(series, OURS)
    per_row = mine.cpu / rows * 1e6
    ceiling = wall_of(series, CEILING)
    yield Check(what=f"{rows:,} rows to S3, over the COPY ceiling", value=mine.wall / ceiling, limit=1.0, unit="x")
    for duckdb in (item for item in series if item.name == DUCKDB):
        yield Check(what=f"{rows:,} rows to S3, over {DUCKDB}", value=mine.wall / duckdb.wall, limit=1.15, unit="x")
    dlt = [item for item in series if item.name in (DLT_ARROW, DLT_CONNECTORX)]
    if dlt:
        best = min(item.wall for item in dlt)
        yield Check(what=f"{rows:,} rows to S3, over dlt's best backend", value=mine.wall / best, limit=0.35, unit="x")
        yield Check(
            what="CPU a row, over dlt's best", value=mine.cpu / min(item.cpu for item in dlt), limit=1.0, unit="x"
        )
    yield Check(what="CPU a row", value=per_row, limit=1.0, unit="µs")
    yield Check(what=f"Peak memory at {rows:,} rows", value=mine.peak / 1e6, limit=256, unit="MB")


CASE = Case(
    "postgres",
    "Postgres to S3",
    "One table of nine columns (integers, text, numeric, timestamps), whole. Ours writes Parquet with checksums and a "
    "commit, checked against its contract; the others write Parquet (Sling: CSV with zstd) and promise less. DuckDB's "
    "is `COPY (FROM postgres table) TO 's3://...parquet'` of its extension for Postgres. The ceiling is what Postgres "
    "can send: `COPY ... (FORMAT binary)` read by psql and thrown away.",
    measure,
)
MEMORY = Case(
    "memory",
    "Memory against size",
    "`ingest run` over tables of the same shape and several sizes. Sizes above that of the case before run once.",
    measure_memory,
)
