"""Loading the lake into DuckDB's RAW, and one bare INSERT from the same files for comparison."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb

from bench.case import Case, Measured, wall_of
from bench.cases.lakes import commits, ingest_movements
from bench.measure import BenchError, Command, Contender, interleave, run
from bench.results import Check, series_of
from bench.tables import STREAM
from bench.world import CONTRACTS, Lake, World, python

OURS = "python -m orchestration.warehouse load"
_ROUNDS = 3
BARE = "INSERT INTO ... SELECT * FROM read_parquet(...)"


def measure(world: World) -> Measured:
    """Measure both, from the same lake into fresh databases."""
    rows = world.scale.rows
    with world.lake() as lake:
        run(ingest_movements(world, lake, rows))
        uris = [f"s3://{lake.bucket}/{file.key}" for commit in commits(lake, STREAM) for file in commit.files]
        contenders = [
            Contender(OURS, partial(_ours, world, lake, rows)),
            Contender(BARE, partial(_bare, world, lake, uris, rows)),
        ]
        series = series_of(interleave(contenders, min(world.scale.rounds, _ROUNDS), world.tell))
    ratio = wall_of(series, OURS) / wall_of(series, BARE)
    return Measured(
        series, (Check(what=f"Load of {rows:,} rows, over a bare INSERT", value=ratio, limit=1.4, unit="x"),)
    )


@contextmanager
def _ours(world: World, lake: Lake, rows: int) -> Iterator[Command]:
    with world.folder("warehouse") as folder:
        variables = {"WAREHOUSE": "duckdb", "WAREHOUSE_DIR": str(folder), "CONTRACTS_DIR": str(CONTRACTS)}
        command = [python(), "-m", "orchestration.warehouse", "load"]
        yield Command(command, world.environment(lake.environment, variables))
        [database] = folder.glob("*.duckdb")
        _require_rows(database, f"RAW.{STREAM}", rows)


@contextmanager
def _bare(world: World, lake: Lake, uris: list[str], rows: int) -> Iterator[Command]:
    with world.folder("bare") as folder:
        command = [python(), "-m", "bench.programs.insert_select", folder / "bare.duckdb", STREAM, *uris]
        yield Command(command, world.environment(lake.environment))
        _require_rows(folder / "bare.duckdb", STREAM, rows)


def _require_rows(database: Path, table: str, rows: int) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        [(found,)] = connection.execute(f"select count(*) from {table}").fetchall()  # noqa: S608 - our own names
    if found != rows:
        raise BenchError(f"{found:,} rows were loaded, not {rows:,}")


CASE = Case(
    "load",
    "S3 to DuckDB",
    "The committed files of the movements into RAW of a fresh database. Ours reads the log, makes the tables, compares "
    "the types, checks the rows of every file and writes its ledger in the same transaction.",
    measure,
)
