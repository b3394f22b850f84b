"""A week of the shop, in this process.

python -m bench.programs.week PLAN.json RESULT.json    the sources, the lake and the warehouse by the environment

`main` does the heavy imports, because dbt's forks import this module and nothing else of ours.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class WeekPlan(BaseModel):
    """The plan of a simulated week: the number of runs, and of runs a day.

    dbt runs in one of `build_every` runs that write. `owner_dsn` and the provider's `admin_key` serve to simulate the
    business. `requests_url` returns the count of S3's requests.
    """

    model_config = ConfigDict(frozen=True)

    runs: int
    runs_a_day: int
    build_every: int
    seed: int
    owner_dsn: str
    ingest_dsn: str
    saas_url: str
    admin_key: str
    requests_url: str
    folder: Path


def main(plan_file: str, result_file: str) -> None:
    """Simulate the week, check it, and write its counts (bench.week.facts.Week)."""
    import logging

    from bench.week.play import play
    from ingest import logs

    logs.configure("json", level=logging.WARNING)
    week = play(WeekPlan.model_validate_json(Path(plan_file).read_bytes()))
    Path(result_file).write_text(week.model_dump_json())


if __name__ == "__main__":
    main(*sys.argv[1:])
