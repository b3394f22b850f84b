"""docs/COST.md: its prose is written by hand, and only this module writes the tables between its markers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.cost.measurement import Measurement, RunOf
from bench.cost.model import Assumptions, CostModel, Month, Plan, Span
from bench.cost.prices import GENERATION, S3, SNOWFLAKE, XSMALL_CREDITS_AN_HOUR, S3Prices, SnowflakePrices
from bench.cost.targets import WAYS, over_the_former
from bench.measure import BenchError
from bench.results import Results
from bench.week.facts import Kind
from bench.week.rhythm import CADENCES

SIZES = (1.0, 10.0, 100.0)
OFTEN, HALF = CADENCES[0], 0.5
"""The schedule that deployments are made with, and the share of its runs that are idle where nothing else is said."""
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)
_BLOCK = re.compile(r"(<!-- table: (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(page: str, results: Results) -> str:
    """Return the page with its tables, computed by the model from these results.

    If a case that the model needs is missing, its tables say so. Raises BenchError for an unknown table.
    """
    try:
        model, missing = CostModel(Measurement.of(results)), ""
    except BenchError as error:
        model, missing = None, f"Not measured: {error}.\n"

    def block(match: re.Match[str]) -> str:
        name = match["name"]
        if name in _GIVEN:
            return f"{match[1]}{_GIVEN[name]()}{match[3]}"
        if name not in _TABLES:
            raise BenchError(f"there is no table '{name}' of the cost model")
        return f"{match[1]}{_TABLES[name](model) if model else missing}{match[3]}"

    return _BLOCK.sub(block, page)


def write(path: Path, results: Results) -> None:
    """Write the page with new tables. Raises BenchError."""
    path.write_text(render(path.read_text(encoding="utf-8"), results), encoding="utf-8")


def _measured(model: CostModel) -> str:
    m = model.measured
    idle, partial, whole = (m.runs[kind] for kind in Kind)
    return _table(
        ["measured, the demo's shop", ""],
        [
            ["landed at first", f"{m.rows:,.0f} rows, {m.bytes / 1e6:.1f} MB"],
            ["a day's rows; tombstones", f"{m.day_rows:,.0f}; {m.day_keys:,.1f}"],
            ["a day's bytes landed for deletions", f"{m.day_key_bytes:,.0f}"],
            ["a file without rows, a row", f"{m.bytes_a_file / 1e3:.1f} kB, {m.bytes_a_row:.0f} B"],
            ["a partial run: versions, files; a whole one", f"{_landed(partial)}; {_landed(whole)}"],
            ["dbt's nodes in a partial run; in a whole one", f"{partial.nodes:.0f}; {whole.nodes:.0f}"],
            ["dbt's statements in a partial run; in a whole one", f"{partial.statements:.0f}; {whole.statements:.0f}"],
            ["S3 requests of an idle run: PUT and LIST, GET", _asked(idle)],
            ["of a partial one; of a whole one", f"{_asked(partial)}; {_asked(whole)}"],
            *([f"idle of {runs} runs a day", f"{share:.0%}"] for runs, share in m.idle.items()),
            ["a million rows loaded by DuckDB", f"{m.load_seconds_a_row * 1e6:.2f} s"],
            ["a million new rows through dbt on DuckDB", f"{m.dbt_seconds_a_new_row * 1e6:.2f} s"],
            ["a million rows of history beside them", f"{m.dbt_seconds_a_row_of_history * 1e6:.2f} s"],
            ["DuckDB file for all of it, and what followed", f"{m.warehouse_bytes / 1e6:.0f} MB"],
        ],
    )


def _landed(run: RunOf) -> str:
    return f"{run.versions:.1f}, {run.files:.1f}"


def _asked(run: RunOf) -> str:
    return f"{run.put:,.0f}, {run.get:,.0f}"


def _assumed() -> str:
    a = Assumptions()
    return _table(
        ["assumed, not measured", "low", "high"],
        [
            ["seconds of an XSMALL for a statement that finds hardly any data", *_ends(a.seconds_a_statement, 1)],
            ["seconds of an XSMALL for a second of DuckDB, where rows take the time", *_ends(a.xsmall_over_duckdb, 1)],
            ["credits of cloud services for a statement", *_ends(a.cloud_credits_a_statement, 5)],
            ["bytes kept for a live byte (Time Travel, fail-safe)", *_ends(a.time_travel, 1)],
            ["warehouse seconds each time that a dashboard is opened", *_ends(a.bi_seconds, 0)],
            ["dashboards opened after a pause, a working day", *_both(a.bi_openings)],
            ["statements of a load, beside those of its versions", *_both(a.statements_a_load)],
            ["statements of a load for each version", *_both(a.statements_a_version)],
            ["statements of a transformation beside dbt's", *_both(a.statements_beside_dbt)],
            ["S3 requests by which Snowflake reads a file", *_both(a.snowflake_gets_a_file)],
            ["months after which files go to Standard-IA", *_both(a.infrequent_after_months)],
        ],
    )


def _prices() -> str:
    flake, s3 = SNOWFLAKE, S3
    xsmall, snowpipe = flake.xsmall_credits_an_hour * flake.credit, flake.snowpipe_credits_a_gb * flake.credit
    rows = [
        ["Snowflake credit, Standard edition", f"{flake.credit:.2f}", _source(SnowflakePrices)],
        [
            "XSMALL, an hour",
            f"{xsmall:.2f}",
            f"{flake.xsmall_credits_an_hour:g} credits in generation {GENERATION}, which Terraform sets "
            f"({XSMALL_CREDITS_AN_HOUR['2']:g} in generation 2); by the second, at least 60 s",
        ],
        ["Snowflake storage, TB and month", f"{flake.storage_tb_month:.2f}", "on demand"],
        [
            "Snowpipe, GB of Parquet",
            f"{snowpipe:.4f}",
            "no charge for each file any more",
        ],
        ["S3 Standard, GB and month", f"{s3.standard_gb_month:.4f}", _source(S3Prices)],
        ["S3 Standard-IA, GB and month", f"{s3.infrequent_gb_month:.4f}", "files of 128 KB and more"],
        ["1,000 PUT or LIST; 1,000 GET", f"{s3.put_per_thousand:.4f}; {s3.get_per_thousand:.5f}", ""],
    ]
    return _table(["price", "USD", ""], rows)


def _month(model: CostModel) -> str:
    plans = [Plan(size=size, runs_a_day=OFTEN, idle=HALF, shared=True) for size in SIZES]
    months = [model.month(plan) for plan in plans]
    lines: list[tuple[str, Callable[[Month], Span]]] = [
        ("loads", lambda month: month.load),
        ("transformations", lambda month: month.transform),
        ("cloud services above 10 %", lambda month: month.cloud_services),
        ("Snowflake storage", lambda month: month.warehouse_storage),
        ("S3 storage", lambda month: month.s3_storage),
        ("S3 requests", lambda month: month.s3_requests),
        ("**the pipeline**", lambda month: month.pipeline),
        ("BI_WH", lambda month: month.bi),
        ("**all**", lambda month: month.total),
    ]
    rows = [[name, *(_dollars(of(month)) for month in months)] for name, of in lines]
    rows += [
        ["credits of the warehouses", *(_dollars(month.credits) for month in months)],
        ["rows of a run that writes", *(f"{month.rows_a_run:,.0f}" for month in months)],
        ["its seconds of loading", *(_seconds(model.load_seconds(Kind.PARTIAL, plan)) for plan in plans)],
        ["its seconds of transforming", *(_seconds(model.transform_seconds(Kind.PARTIAL, plan)) for plan in plans)],
        ["a whole one's", *(_seconds(model.transform_seconds(Kind.WHOLE, plan)) for plan in plans)],
        [
            "the lake, GB (of them for deletions)",
            *(f"{month.lake_gb:,.1f} ({month.deletions_gb:,.1f})" for month in months),
        ],
    ]
    return _table(
        [
            f"USD a month, {OFTEN} runs a day, half of them idle, one warehouse for both",
            *(_times(size) for size in SIZES),
        ],
        rows,
    )


def _idle(model: CostModel) -> str:
    """Return a month of the demo's shop by the share of idle runs, and each bill's share of the former month's."""

    def cell(plan: Plan) -> str:
        month = model.month(plan).pipeline
        return f"{_dollars(month)} ({over_the_former(month):.0%})"

    plans = {
        f"{OFTEN} runs a day, each builds everything": Plan(runs_a_day=OFTEN, whole_a_day=OFTEN),
        **{f"{OFTEN} runs a day, {share:.0%} idle": Plan(runs_a_day=OFTEN, idle=share) for share in SHARES},
    }
    rows = [[name, *(cell(_set(plan, way)) for way in WAYS.values())] for name, plan in plans.items()]
    return _table(["the pipeline, USD a month", *WAYS], rows)


def _run(model: CostModel) -> str:
    """Return the cost of one more run of each kind."""
    plan = Plan(runs_a_day=OFTEN, idle=HALF)
    rows = [[f"{kind}", *(_small(model.a_run(kind, _set(plan, way))) for way in WAYS.values())] for kind in Kind]
    return _table(["one run more, USD", *WAYS], rows)


def _schedule(model: CostModel) -> str:
    """Return how many runs a day cost as much as one run an hour that always builds everything."""
    hourly = Plan(runs_a_day=24, whole_a_day=24)
    rows = [
        [f"{share:.0%}", *(f"{model.as_many_runs(_set(hourly, way), share):,.0f}" for way in WAYS.values())]
        for share in SHARES
    ]
    return _table(["idle", *(f"runs a day, {way}" for way in WAYS)], rows)


def _set(plan: Plan, way: Plan) -> Plan:
    """Return the plan on the warehouses of `way`."""
    return replace(plan, shared=way.shared, left_running=way.left_running)


def _levers(model: CostModel) -> str:
    rows = []
    for runs in CADENCES:
        idle = model.measured.idle[runs]
        plan = Plan(runs_a_day=runs, idle=idle)
        name = f"{runs} run{'s' if runs > 1 else ''} a day, {idle:.0%} idle"
        for way, warehouses in WAYS.items():
            months = [model.month(_set(replace(plan, size=size), warehouses)) for size in SIZES]
            rows.append([f"{name}, {way}", *(_dollars(month.pipeline) for month in months)])
    rows.append(["what Snowpipe takes for the data", *(_snowpipe(model, size) for size in SIZES)])
    return _table(["the pipeline, USD a month", *(_times(size) for size in SIZES)], rows)


_GIVEN: dict[str, Callable[[], str]] = {"assumed": _assumed, "prices": _prices}
"""What was not measured."""
_TABLES: dict[str, Callable[[CostModel], str]] = {
    "measured": _measured,
    "month": _month,
    "idle": _idle,
    "run": _run,
    "schedule": _schedule,
    "levers": _levers,
}


def _snowpipe(model: CostModel, size: float) -> str:
    return _amount(model.snowpipe(Plan(size=size)))


def _times(size: float) -> str:
    return "the demo" if size == 1 else f"{size:.0f}x"


def _ends(span: Span, digits: int) -> list[str]:
    return [f"{span.low:.{digits}f}", f"{span.high:.{digits}f}"]


def _both(value: float) -> list[str]:
    return [f"{value:g}", f"{value:g}"]


def _dollars(span: Span) -> str:
    low, high = _amount(span.low), _amount(span.high)
    return low if low == high else f"{low} to {high}"


def _small(span: Span) -> str:
    if span.low == span.high:
        return f"{span.low:.5f}"
    return f"{span.low:.3f} to {span.high:.3f}"


def _amount(value: float) -> str:
    if 0 < value < 0.01:
        return "< 0.01"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _seconds(span: Span) -> str:
    return f"{span.low:,.0f} to {span.high:,.0f}"


def _source(prices: type) -> str:
    """Return a price list's own statement of its source."""
    text = " ".join((prices.__doc__ or "").split())
    return text.partition("Source: ")[2].rstrip(".")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"
