"""The sizes of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from bench.week.rhythm import RUNS_A_DAY, RUNS_A_WEEK


@dataclass(frozen=True)
class Scale:
    """The sizes of one benchmark run. The targets are for `full`; `small` proves that the harness works."""

    rounds: int
    rows: int
    memory_rows: tuple[int, ...]
    tables: int
    events: int
    latency_events: int
    idle_commits: tuple[int, int]
    history_events: tuple[int, ...]
    page_events: int
    shop: float
    """Size of the shop and of its provider: 1 is the demo's."""
    day_runs: int
    """Runs of the case `week`, which takes a day out of it."""
    week_runs: int
    week_runs_a_day: int
    week_build_every: int
    """dbt is run in one of so many runs that write."""


FULL = Scale(
    rounds=5,
    rows=5_000_000,
    memory_rows=(1_000_000, 5_000_000, 20_000_000),
    tables=200,
    events=1_000_000,
    latency_events=200_000,
    idle_commits=(10, 10_000),
    history_events=(1_000_000, 10_000_000),
    page_events=10_000_000,
    shop=1.0,
    day_runs=RUNS_A_DAY,
    week_runs=RUNS_A_WEEK,
    week_runs_a_day=RUNS_A_DAY,
    week_build_every=12,
)
SMALL = Scale(
    rounds=1,
    rows=20_000,
    memory_rows=(10_000, 20_000),
    tables=5,
    events=5_000,
    latency_events=2_000,
    idle_commits=(10, 30),
    history_events=(10_000, 20_000),
    page_events=20_000,
    shop=0.02,
    day_runs=13,
    week_runs=26,
    week_runs_a_day=12,
    week_build_every=3,
)
SCALES = {"full": FULL, "small": SMALL}
