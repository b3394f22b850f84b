"""Every metric, as dbt's semantic models define it: its name, its unit, and its SQL aggregate.

The files of `dbt/models/semantic/` are the only definition; MetricFlow reads them, too. A metric of the semantic model
`orders` is an aggregate over rows of `queries/relations/orders.sql`, which has the columns that its measure names.

Queries write `{{ revenue }}` for the expression. Ratios divide aggregates, so that they are right for any group of
rows, and are null if the divisor is zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

DEFINITIONS = Path(__file__).parents[1] / "dbt" / "models" / "semantic"
_BETTER = {"up": True, "down": False, "neither": None}


class Unit(StrEnum):
    """The unit of a number, which decides its format."""

    MONEY = "money"
    COUNT = "count"
    SHARE = "share"
    HOURS = "hours"
    DAYS = "days"
    SECONDS = "seconds"


@dataclass(frozen=True)
class Metric:
    """A metric. `expression` aggregates rows of `relation`. `up_is_good` is None if neither direction is better.

    A metric that is `summed_in` another relation is a sum there. That relation has a column with the metric's name,
    whose values are `expression` for each of its rows.
    """

    name: str
    label: str
    unit: Unit
    relation: str
    expression: str
    meaning: str
    up_is_good: bool | None
    summed_in: str | None = None


def _aggregate(measure: Mapping[str, str]) -> str:
    """Return a MetricFlow aggregation in the SQL of both warehouses. Raises KeyError for one that no page needs."""
    expression = measure.get("expr", measure["name"])
    return {
        "sum": f"sum({expression})",
        "sum_boolean": f"sum(case when {expression} then 1 else 0 end)",
        "count": f"count({expression})",
        "count_distinct": f"count(distinct {expression})",
        "average": f"avg({expression})",
    }[measure["agg"]]


def _read(folder: Path) -> Mapping[str, Metric]:
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yml"))]
    measures = {
        measure["name"]: (model["name"], _aggregate(measure))
        for document in documents
        for model in document["semantic_models"]
        for measure in model.get("measures", [])
    }
    metrics: dict[str, Metric] = {}
    for metric in _simple_first(documents):
        parameters = metric["type_params"]
        if metric["type"] == "ratio":
            part, whole = metrics[parameters["numerator"]], metrics[parameters["denominator"]]
            relation = part.relation
            expression = f"cast({part.expression} as double) / nullif({whole.expression}, 0)"
        else:
            relation, expression = measures[parameters["measure"]]
        metrics[metric["name"]] = _metric(metric, relation, expression)
    return metrics


def _simple_first(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the documents of simple metrics before ratios, because a ratio divides two simple metrics."""
    found = [metric for document in documents for metric in document.get("metrics", [])]
    yield from sorted(found, key=lambda metric: metric["type"] != "simple")


def _metric(metric: Mapping[str, Any], relation: str, expression: str) -> Metric:
    meta = metric["config"]["meta"]
    return Metric(
        name=metric["name"],
        label=meta.get("card", metric["label"]),
        unit=Unit(meta["unit"]),
        relation=relation,
        expression=expression,
        meaning=metric["description"].strip(),
        up_is_good=_BETTER[meta["better"]],
        summed_in=meta.get("summed_in"),
    )


METRICS = _read(DEFINITIONS)
