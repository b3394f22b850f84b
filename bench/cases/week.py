"""A week of the demo's shop with a run every quarter of an hour: the cost of each kind of run.

docs/COST.md is computed from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bench import measure as measuring
from bench.case import Case, Measured
from bench.measure import BenchError
from bench.programs.week import WeekPlan
from bench.results import Check, Series, Table
from bench.week.facts import Kind, Run, Week, mean
from bench.week.rhythm import CADENCES, FIRST, share_of_idle
from bench.world import World, python
from local.servers.saas_server import start_saas
from local.servers.shop import ShopPasswords, make_shop
from local.stack import StackOptions
from postgres.web_log import WebLog

_SECONDS = 7_200.0
_ALONE = "campaigns"
_FORMER_KEY_BYTES, _FORMER_KEYS = 172_000, 76_026
"""What an hour of the demo's shop landed and loaded while each change of a set of keys landed all of it again."""
_MAIL = {"campaigns", "email_events"}


def a_day(world: World) -> Measured:
    """Measure the first day, and check the targets on it."""
    return _measured(world, world.scale.day_runs, "")


def a_week(world: World) -> Measured:
    """Measure the whole week."""
    return _measured(world, world.scale.week_runs, "A week: ")


def _measured(world: World, runs: int, prefix: str) -> Measured:
    """Measure `runs` runs in a process of their own. `prefix` begins the names of the targets."""
    options = StackOptions(logs=world.logs, business_now=FIRST, time_stands=True, scale=world.scale.shop)
    saas = start_saas(world.processes, options.saas, world.directory.path, world.logs).ready()
    passwords = ShopPasswords.generate()
    shop = make_shop(world.postgres, passwords, "week_shop")
    seeded = replace(shop, visits=WebLog(saas.visits_url, saas.admin_key))
    seeded.seed(business_now=FIRST, scale=options.scale, seed=options.seed)
    with world.lake() as lake, world.folder("week") as folder:
        plan = WeekPlan(
            runs=runs,
            runs_a_day=world.scale.week_runs_a_day,
            build_every=world.scale.week_build_every,
            seed=options.seed,
            owner_dsn=shop.owner_dsn,
            ingest_dsn=shop.ingest_dsn,
            saas_url=saas.base_url,
            admin_key=saas.admin_key,
            requests_url=f"{lake.server.endpoint_url}/-/requests/{lake.bucket}",
            folder=folder,
        )
        given, result = folder / "plan.json", folder / "week.json"
        given.touch(mode=0o600)  # it holds passwords
        given.write_text(plan.model_dump_json())
        sources = {"POSTGRES_DSN": shop.ingest_dsn, "SAAS_BASE_URL": saas.base_url, "SAAS_API_KEY": saas.api_key}
        own = {"WAREHOUSE": "duckdb", "WAREHOUSE_DIR": str(folder), "RUNS_DIR": str(folder / "runs")}
        sample = measuring.run(
            measuring.Command(
                [python(), "-m", "bench.programs.week", given, result],
                world.environment(lake.environment, sources, own),
                timeout_seconds=_SECONDS,
            )
        )
        week = Week.model_validate_json(result.read_bytes())
    series = (Series(name=f"{plan.runs:,} runs and what goes on between them", samples=(sample,)),)
    return Measured(
        series, tuple(_checks(week, prefix)), figures=_figures(week), tables=(_kinds(week), _alone(week), _lake(week))
    )


def _checks(week: Week, prefix: str) -> Iterator[Check]:
    hours = len(week.runs) * 24 / week.runs_a_day
    landed, keys = (sum(getattr(run, name) for run in week.runs) / hours for name in ("key_bytes", "keys"))
    over = "an hour's deletions, over sets of keys landed whole"
    yield Check(what=f"{prefix}Bytes landed for {over}", value=landed / _FORMER_KEY_BYTES, limit=0.05, unit="x")
    yield Check(what=f"{prefix}Rows loaded for {over}", value=keys / _FORMER_KEYS, limit=0.05, unit="x")
    whole = mean(run.statements or 0 for run in week.of(Kind.WHOLE) or (week.first,))
    part = week.alone[_ALONE].statements / whole
    yield Check(what=f"{prefix}News in `{_ALONE}` alone: dbt's statements, over all", value=part, limit=0.4, unit="x")
    first, last = (_requests_of_idle_runs(runs) for runs in _first_and_last_day(week))
    if len(week.runs) > week.runs_a_day and first and last:
        what = f"{prefix}S3 requests of a run without news, the last day over the first"
        yield Check(what=what, value=last / first, limit=1.1, unit="x")


def _first_and_last_day(week: Week) -> tuple[Sequence[Run], Sequence[Run]]:
    return week.runs[: week.runs_a_day], week.runs[-week.runs_a_day :]


def _requests_of_idle_runs(runs: Sequence[Run]) -> float:
    return mean(run.put + run.get for run in runs if run.kind is Kind.IDLE)


def _figures(week: Week) -> dict[str, float]:
    figures: dict[str, float] = {
        "everything: rows": week.first.rows,
        "everything: files": week.first.files,
        "everything: bytes": week.first.bytes,
        "everything: bytes for deletions": week.first.key_bytes,
        "afterwards: runs": len(week.runs),
        "afterwards: rows": sum(run.rows for run in week.runs),
        "afterwards: files": sum(run.files for run in week.runs),
        "afterwards: bytes": sum(run.bytes for run in week.runs),
        "afterwards: tombstones": sum(run.keys for run in week.runs),
        "afterwards: bytes for deletions": sum(run.key_bytes for run in week.runs),
    }
    for kind in Kind:
        runs = week.of(kind)
        figures |= {
            f"{kind}: runs": len(runs),
            f"{kind}: versions": _mean(run.commits for run in runs),
            f"{kind}: files": _mean(run.files + run.key_files for run in runs),
            f"{kind}: rows": _mean(run.rows for run in runs),
            f"{kind}: dbt nodes": _mean(run.selected for run in runs),
            f"{kind}: dbt statements": _mean(run.statements for run in runs if run.statements is not None),
            f"{kind}: S3 PUT and LIST": _mean(run.put for run in runs),
            f"{kind}: S3 GET": _mean(run.get for run in runs),
        }
    a_file, a_row = _bytes(week.runs)
    idle = [run.kind is Kind.IDLE for run in week.runs]
    figures |= {
        f"{cadence} runs a day: share of idle ones": share_of_idle(idle, cadence, week.runs_a_day)
        for cadence in CADENCES
    }
    return figures | {
        "a file without rows: bytes": a_file,
        "a row: bytes": a_row,
        "dbt nodes": week.nodes,
        "at the end: keys": week.keys,
        "at the end: rows equal at the source and in the lake": week.rows_at_the_source,
        "at the end: tables equal to those of a full refresh": week.marts,
        "at the end: DuckDB file, bytes": week.warehouse_bytes,
    }


def _bytes(runs: Sequence[Run]) -> tuple[float, float]:
    """Return the bytes of a file without rows, and of one row, that fit all runs best (least squares)."""
    landed = [run for run in runs if run.files]
    files, rows, sizes = ([getattr(run, name) for run in landed] for name in ("files", "rows", "bytes"))

    def product(one: Sequence[float], other: Sequence[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    determinant = product(files, files) * product(rows, rows) - product(files, rows) ** 2
    if not determinant:
        raise BenchError("no run of the week landed more rows a file than another one")
    a_file = (product(sizes, files) * product(rows, rows) - product(sizes, rows) * product(files, rows)) / determinant
    a_row = (product(sizes, rows) * product(files, files) - product(sizes, files) * product(files, rows)) / determinant
    return round(a_file, 1), round(a_row, 2)


def _kinds(week: Week) -> Table:
    """Return the table of the average run of each kind. For several days, it compares the first day with the last."""
    groups = {"idle": list(week.of(Kind.IDLE)), **_partial(week), "whole": list(week.of(Kind.WHOLE))}
    if len(week.runs) > week.runs_a_day:
        days = dict(zip(("the first day", "the last day"), _first_and_last_day(week), strict=True))
        for kind in (Kind.IDLE, Kind.PARTIAL):
            groups |= {f"{kind}, {day}": [run for run in runs if run.kind is kind] for day, runs in days.items()}
    head = ("a run, on average", "runs", "rows", "files", "bytes", "S3 PUT, LIST", "S3 GET", "dbt nodes",
            "dbt statements", "seconds without dbt")  # fmt: skip
    return Table(title="", head=head, rows=tuple(_row(name, runs) for name, runs in groups.items() if runs))


def _partial(week: Week) -> dict[str, list[Run]]:
    """Return partial runs by the sources that had new rows."""
    groups: dict[str, list[Run]] = {}
    for run in week.of(Kind.PARTIAL):
        mail, shop = bool(_MAIL & set(run.news)), bool(set(run.news) - _MAIL)
        whose = "shop and mail" if mail and shop else "mail alone" if mail else "the shop alone" if shop else "the day"
        groups.setdefault(f"partial, news of {whose}", []).append(run)
    return dict(sorted(groups.items()))


def _row(name: str, runs: list[Run]) -> tuple[str, ...]:
    statements = [run.statements for run in runs if run.statements is not None]
    without_dbt = (run.total_seconds - run.seconds.get("dbt", 0.0) for run in runs)
    return (
        name,
        f"{len(runs):,}",
        f"{mean(run.rows for run in runs):,.0f}",
        f"{mean(run.files + run.key_files for run in runs):,.1f}",
        f"{mean(run.bytes + run.key_bytes for run in runs):,.0f}",
        f"{mean(run.put for run in runs):,.0f}",
        f"{mean(run.get for run in runs):,.0f}",
        f"{mean(run.selected for run in runs):,.0f}",
        f"{mean(statements):,.0f}" if statements else ("0" if runs[0].kind is Kind.IDLE else ""),
        f"{mean(without_dbt):.2f}",
    )


def _alone(week: Week) -> Table:
    rows = [(f"`{stream}`", f"{one.nodes:,}", f"{one.statements:,}") for stream, one in week.alone.items()]
    return Table(title="Where one stream alone has news, dbt runs", head=("", "nodes", "statements"), rows=tuple(rows))


def _lake(week: Week) -> Table:
    rows = [(f"`{name}`" if name != "rows" else name, f"{kept.objects:,}", f"{kept.bytes:,}")
            for name, kept in week.lake.items()]  # fmt: skip
    rows.append(("of these: what `ingest gc` removes", f"{week.removable.objects:,}", f"{week.removable.bytes:,}"))
    return Table(title="The lake at the end.", head=("", "objects", "bytes"), rows=tuple(rows))


def _mean(values: Iterable[float]) -> float:
    return round(mean(values), 1)


_DESCRIPTION = (
    "The demo's shop and e-mail provider: all is landed, loaded and built; then {time} runs goes by in fast motion, "
    "as the schedule `incremental` makes them. Weekdays are busy from 6 to 22, nights stand still, weekends have news "
    "once an hour; deletions are looked for at noon and midnight, and all is built once a day. dbt runs in one of "
    "several runs that write, and then builds what the ones before have left to it; the others do all but that. At the "
    "end each row at the sources is the lake's, by key and content, the lake's are RAW's by number, and the marts are "
    "what a full refresh makes of RAW, or the case fails. One process, without Prefect, dbt already imported. {also}"
)
CASE = Case(
    "week",
    "A day of the demo, a run every quarter of an hour",
    _DESCRIPTION.format(time="a Monday of 96", also="[COST.md](COST.md) is worked out from this."),
    a_day,
)
WHOLE = Case(
    "whole-week",
    "A week of the demo, a run every quarter of an hour",
    _DESCRIPTION.format(
        time="a week of 672",
        also="It takes half an hour to a whole one, so `make bench` leaves it out: `make bench CASE=whole-week`.",
    ),
    a_week,
    by_name=True,
)
