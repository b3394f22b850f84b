"""The cost model's input: figures from a benchmark's results."""

from __future__ import annotations

from dataclasses import dataclass

from bench.case import find
from bench.cases import cost, dbt, load
from bench.measure import BenchError
from bench.results import CaseResult, Results
from bench.scale import FULL

_MILLION = 1e6
NEW_SHARE = 0.01
"""How much of the history is new in the case `dbt`."""


@dataclass(frozen=True)
class Measurement:
    """Counts of the demo's shop: once for everything, and for an hour's run. Seconds are DuckDB's.

    `hour_keys` are tombstones, and `key_bytes` all that is landed to find deletions: those, and the parts of the sets
    of keys that have changed. `hour_rows` is a day's 24th, whatever the shop's rhythm.
    """

    rows: float
    bytes: float
    key_bytes: float
    warehouse_bytes: float
    hour_versions: float
    hour_rows: float
    hour_files: float
    hour_keys: float
    hour_key_bytes: float
    bytes_a_file: float
    bytes_a_row: float
    hour_put: float
    hour_get: float
    dbt_statements: float
    dbt_seconds: float
    load_seconds_a_row: float
    dbt_seconds_a_new_row: float
    dbt_seconds_a_row_of_history: float

    @classmethod
    def of(cls, results: Results) -> Measurement:
        """Raises BenchError if one of the cases `cost`, `load` and `dbt` was not measured."""
        figures = _case(results, cost.CASE.name).figures
        loaded = find(_case(results, load.CASE.name).series, load.OURS).wall / FULL.rows
        new, history = _dbt_rates(_case(results, dbt.CASE.name))
        bytes_a_file, bytes_a_row = _bytes(figures)
        return cls(
            rows=figures["everything: rows"],
            bytes=figures["everything: bytes"],
            key_bytes=figures["everything: bytes of keys"],
            warehouse_bytes=figures["everything and the day: DuckDB file, bytes"],
            hour_versions=figures["an hour: versions"],
            hour_rows=(cost.HOURS * figures["an hour: rows"] + figures["the rest of the day: rows"]) / 24,
            hour_files=figures["an hour: files"],
            hour_keys=figures["an hour: keys"],
            hour_key_bytes=figures["an hour: bytes of keys"],
            bytes_a_file=bytes_a_file,
            bytes_a_row=bytes_a_row,
            hour_put=figures["an hour: S3 PUT and LIST of ingest"],
            hour_get=figures["an hour: S3 GET of ingest"] + figures["an hour: S3 GET of the loader"],
            dbt_statements=figures["an hour: dbt statements"],
            dbt_seconds=figures["an hour: seconds of dbt's nodes"],
            load_seconds_a_row=loaded,
            dbt_seconds_a_new_row=new,
            dbt_seconds_a_row_of_history=history,
        )


def _case(results: Results, name: str) -> CaseResult:
    case = results.cases.get(name)
    if case is None or case.error is not None:
        raise BenchError(f"the cost model needs the case `{name}`: python -m bench {name}")
    return case


def _bytes(figures: dict[str, float]) -> tuple[float, float]:
    """Bytes of a file without rows, and of a row: from a run of an hour, and one of most of a day."""
    (few_files, few_rows, few), (many_files, many_rows, many) = (
        [figures[f"{span}: {what}"] for what in ("files", "rows", "bytes")]
        for span in ("an hour", "the rest of the day")
    )
    a_row = (many * few_files - few * many_files) / (many_rows * few_files - few_rows * many_files)
    return (few - few_rows * a_row) / few_files, a_row


def _dbt_rates(case: CaseResult) -> tuple[float, float]:
    """Seconds that each new row, and each row that was there before, adds to a build.

    From how full refreshes, in which every row is new, and builds of 1 % new rows grow between the shortest and the
    longest history; what does not grow drops out. An event counts for itself and for what came with it.
    """
    sizes = sorted({int(item.name.split(", ", 1)[1].split()[0].replace(",", "")) for item in case.series})
    short, long = sizes[0], sizes[-1]

    def growth(kind: str) -> float:
        walls = [find(case.series, f"{kind}, {size:,} events").wall for size in (short, long)]
        return (walls[1] - walls[0]) / (long - short)

    new = growth("full refresh")
    return new, growth(f"{NEW_SHARE:.0%} new") - NEW_SHARE * new
