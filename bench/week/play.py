"""Simulates a week: the business advances, a run follows, and so on; at the end everything is compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

import httpx

from bench.programs.week import WeekPlan
from bench.week.builds import Builder
from bench.week.facts import Kind, Run, Week
from bench.week.judgement import kept, keys_kept, removable, require_same, rows_at_the_source, tables
from bench.week.line import Line
from bench.week.rhythm import FIRST, Quarter, week
from ingest.settings import IngestSettings
from local.servers.shop import Shop
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.connect import duckdb_warehouse
from postgres.web_log import WebLog

_STANDS = timedelta(0)
_TIMEOUT_SECONDS = 60.0


def play(plan: WeekPlan) -> Week:
    """Simulate all runs. Raises BenchError if something differs at the end, PlatformError if a run fails."""
    with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
        return _played(plan, _line(plan, client), _Business(plan, client))


def _played(plan: WeekPlan, line: Line, business: _Business) -> Week:
    first = line.run(Quarter(FIRST, _STANDS, _STANDS, is_whole=True, looks_for_deletions=True), 0, builds=True)
    runs: list[Run] = []
    written = 0
    for number, quarter in enumerate(week(plan.runs, plan.runs_a_day), 1):
        business.live(quarter)
        run = line.run(quarter, number, builds=written % plan.build_every == 0)
        written += run.kind is not Kind.IDLE
        runs.append(run)
        if quarter.is_whole:
            print(_told(runs), flush=True)
    return _judged(line, plan.runs_a_day, first, runs)


def _judged(line: Line, runs_a_day: int, first: Run, runs: list[Run]) -> Week:
    last = len(runs) + 1
    now = FIRST if not runs else list(week(len(runs), runs_a_day))[-1].at
    quarter = Quarter(now, _STANDS, _STANDS, is_whole=True, looks_for_deletions=True)
    line.run(quarter, last, builds=True)
    rows = rows_at_the_source(line)
    built = tables(line.warehouse.path)
    line.build_anew(quarter)
    require_same(built, tables(line.warehouse.path))
    return Week(
        first=first,
        runs=tuple(runs),
        runs_a_day=runs_a_day,
        lake=kept(line),
        removable=removable(line),
        nodes=len(line.graph.nodes),
        alone={stream: line.alone(stream) for stream in line.registry},
        keys=keys_kept(line),
        warehouse_bytes=line.warehouse.path.stat().st_size,
        rows_at_the_source=rows,
        marts=len(built),
    )


def _line(plan: WeekPlan, client: httpx.Client) -> Line:
    settings = OrchestrationSettings.load()
    builder = Builder(settings.dbt_project_dir, plan.folder / "dbt" / "target", settings.dbt_threads)
    builder.target.mkdir(parents=True)

    def requests() -> Mapping[str, int]:
        return Counter(client.get(plan.requests_url).raise_for_status().json())

    # No other transaction is open, and all of the provider's records are final, because its time stands still.
    ingest_settings = IngestSettings.load().model_copy(update={"horizon_margin_seconds": 0.0})
    return Line(settings, ingest_settings, duckdb_warehouse(settings), builder, requests)


class _Business:
    """The shop and its e-mail provider, each at its own present."""

    def __init__(self, plan: WeekPlan, client: httpx.Client) -> None:
        self._plan = plan
        self._client = client
        self._shop = Shop(plan.owner_dsn, plan.ingest_dsn, WebLog(f"{plan.saas_url}/admin/visits", plan.admin_key))
        self._shop_at = FIRST

    def live(self, quarter: Quarter) -> None:
        """Advance both by the quarter's spans. The provider comes first, because its mails lead to orders."""
        if quarter.provider:
            answer = self._client.post(
                f"{self._plan.saas_url}/admin/clock",
                json={"advance_seconds": quarter.provider.total_seconds()},
                headers={"Authorization": f"Bearer {self._plan.admin_key}"},
            )
            answer.raise_for_status()
        if quarter.shop:
            self._shop.advance(business_now=self._shop_at, span=quarter.shop, seed=self._plan.seed)
            self._shop_at += quarter.shop


def _told(runs: list[Run]) -> str:
    kinds = Counter(run.kind.value for run in runs)
    seconds = sum(run.total_seconds for run in runs)
    return f"{len(runs)} runs, {dict(kinds)}, {sum(run.rows for run in runs):,} rows, {seconds:.0f} s"
