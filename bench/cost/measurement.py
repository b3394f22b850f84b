"""The cost model's input: figures from a benchmark's results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.case import find
from bench.cases import dbt, load, week
from bench.measure import BenchError
from bench.results import CaseResult, Results
from bench.scale import FULL
from bench.week.facts import Kind
from bench.week.rhythm import CADENCES, RUNS_A_DAY

NEW_SHARE = 0.01
"""How much of the history is new in the case `dbt`."""


@dataclass(frozen=True)
class RunOf:
    """The average run of one kind in the week. `statements` are dbt's."""

    versions: float
    files: float
    statements: float
    nodes: float
    put: float
    get: float


@dataclass(frozen=True)
class Measurement:
    """Counts of the demo's shop: for everything, for a day of the week, and for a run of each kind. Seconds are
    DuckDB's.

    `day_keys` counts tombstones. `key_bytes` counts all bytes landed to find deletions: tombstones, and changed parts
    of key sets. `idle` is the share of runs without new rows by the number of runs a day.
    """

    rows: float
    bytes: float
    key_bytes: float
    warehouse_bytes: float
    warehouse_rows: float
    day_rows: float
    day_keys: float
    day_key_bytes: float
    bytes_a_file: float
    bytes_a_row: float
    runs: Mapping[Kind, RunOf]
    idle: Mapping[int, float]
    load_seconds_a_row: float
    dbt_seconds_a_new_row: float
    dbt_seconds_a_row_of_history: float

    @classmethod
    def of(cls, results: Results) -> Measurement:
        """Return the counts from the results.

        Raises BenchError if one of the cases `week`, `load` and `dbt` was not measured.
        """
        figures = _case(results, week.CASE.name).figures
        days = figures["afterwards: runs"] / RUNS_A_DAY
        loaded = find(_case(results, load.CASE.name).series, load.OURS).wall / FULL.rows
        new, history = _dbt_rates(_case(results, dbt.CASE.name))
        return cls(
            rows=figures["everything: rows"],
            bytes=figures["everything: bytes"],
            key_bytes=figures["everything: bytes for deletions"],
            warehouse_bytes=figures["at the end: DuckDB file, bytes"],
            warehouse_rows=figures["everything: rows"] + figures["afterwards: rows"],
            day_rows=figures["afterwards: rows"] / days,
            day_keys=figures["afterwards: tombstones"] / days,
            day_key_bytes=figures["afterwards: bytes for deletions"] / days,
            bytes_a_file=figures["a file without rows: bytes"],
            bytes_a_row=figures["a row: bytes"],
            runs={kind: _run_of(kind, figures) for kind in Kind},
            idle={cadence: figures[f"{cadence} runs a day: share of idle ones"] for cadence in CADENCES},
            load_seconds_a_row=loaded,
            dbt_seconds_a_new_row=new,
            dbt_seconds_a_row_of_history=history,
        )


def _case(results: Results, name: str) -> CaseResult:
    case = results.cases.get(name)
    if case is None or case.error is not None:
        raise BenchError(f"the cost model needs the case `{name}`: python -m bench {name}")
    return case


def _run_of(kind: Kind, figures: Mapping[str, float]) -> RunOf:
    return RunOf(
        versions=figures[f"{kind}: versions"],
        files=figures[f"{kind}: files"],
        statements=figures[f"{kind}: dbt statements"],
        nodes=figures[f"{kind}: dbt nodes"],
        put=figures[f"{kind}: S3 PUT and LIST"],
        get=figures[f"{kind}: S3 GET"],
    )


def _dbt_rates(case: CaseResult) -> tuple[float, float]:
    """Return the seconds that each new row, and each existing row, adds to a build.

    They follow from the growth of two kinds of build between the shortest and the longest history: full refreshes, in
    which every row is new, and builds with 1 % new rows. Constant costs drop out. An event counts together with its
    orders and movements.
    """
    sizes = sorted({int(item.name.split(", ", 1)[1].split()[0].replace(",", "")) for item in case.series})
    short, long = sizes[0], sizes[-1]

    def growth(kind: str) -> float:
        walls = [find(case.series, f"{kind}, {size:,} events").wall for size in (short, long)]
        return (walls[1] - walls[0]) / (long - short)

    new = growth("full refresh")
    return new, max(0.0, growth(f"{NEW_SHARE:.0%} new") - NEW_SHARE * new)
