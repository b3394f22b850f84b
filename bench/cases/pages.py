"""The pages over the marts of a long history: the first page, and every change of a filter."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.case import Case, Measured
from bench.marts import write_marts
from bench.measure import BenchError, Command, Sample, run
from bench.results import Check, Series
from bench.world import World
from local.settings import REPOSITORY

PYTHON = REPOSITORY / ".venv-analytics" / "bin" / "python"
_FIRST_PAGE_SECONDS = 3.0
_INTERACTION_SECONDS = 1.0

Look = Mapping[str, Any]


def measure(world: World) -> Measured:
    """Draw the pages over one history `rounds` times, each time in a fresh process."""
    if not PYTHON.exists():
        raise BenchError("the pages are not installed: `make bench` installs them")
    events = world.scale.page_events
    with world.folder("marts") as warehouse:
        write_marts(warehouse, events)
        looks = [look for _ in range(world.scale.rounds) for look in _looks(world, warehouse)]
    series = tuple(_series(looks))
    slowest = max(series, key=lambda item: item.wall)
    first = [look["wall_seconds"] for look in looks if look["is_first"]]
    checks = (
        Check(what=f"The first page, {events:,} events", value=max(first), limit=_FIRST_PAGE_SECONDS, unit="s"),
        Check(
            what=f"The slowest interaction ({slowest.name}), {events:,} events", value=slowest.wall,
            limit=_INTERACTION_SECONDS, unit="s",
        ),
    )  # fmt: skip
    return Measured(series, checks, figures=_slowest_queries(looks))


def _looks(world: World, warehouse: Path) -> Sequence[Look]:
    result = warehouse / "looks.json"
    run(Command([PYTHON, "-m", "bench.programs.pages", result], world.environment({"WAREHOUSE_DIR": str(warehouse)})))
    looks: list[Look] = json.loads(result.read_text(encoding="utf-8"))
    world.tell(f"    {len(looks)} looks, {sum(look['wall_seconds'] for look in looks):.1f} s")
    return looks


def _series(looks: Sequence[Look]) -> Iterator[Series]:
    by_name: dict[str, list[Look]] = defaultdict(list)
    for look in looks:
        by_name[f"{look['page']}, {look['change']}"].append(look)
    for name, same in by_name.items():
        samples = [Sample.model_validate({field: look[field] for field in Sample.model_fields}) for look in same]
        yield Series(name=name, samples=tuple(samples))


def _slowest_queries(looks: Sequence[Look]) -> dict[str, float]:
    """Return seconds of the slowest query of each page."""
    slowest: dict[str, Look] = {}
    for look in looks:
        known = slowest.get(look["page"])
        if known is None or look["slowest_query_seconds"] > known["slowest_query_seconds"]:
            slowest[look["page"]] = look
    return {
        f"{page}: slowest query, `{look['slowest_query']}` ({look['change']}), seconds": round(
            look["slowest_query_seconds"], 3
        )
        for page, look in slowest.items()
    }


CASE = Case(
    "pages",
    "Pages over the marts",
    "Each page over the marts, rendered by Streamlit without a browser, on a published DuckDB file of two years: for "
    "every three events an e-mail, for every 100 an order of three lines; five warehouses, 1,000 products, and the "
    "records of a run every quarter of an hour for 400 days. A page is opened, then its filters are changed one after "
    "the other, each time to what has not been asked before.",
    measure,
)
