"""What a month was to come to, and whether it does."""

from __future__ import annotations

from dataclasses import replace

from bench.cost.measurement import Measurement
from bench.cost.model import CostModel, Plan, Span
from bench.measure import BenchError
from bench.results import Check, Results

FORMER = Span(340.0, 785.0)
"""Dollars a month that 96 runs a day of the demo's shop came to while each of them built everything: this model's, with
the measurements of then."""
_SHARE = 0.35


WAYS = {
    "two warehouses": Plan(),
    "one for both": Plan(shared=True),
    "one, left to suspend itself": Plan(shared=True, left_running=True),
}
"""How the warehouses of loads and of transformations are set; Terraform's environments have one for both."""


def over_the_former(span: Span) -> float:
    """A month's bill over the former one's, by the end at which that is more."""
    return max(span.low / FORMER.low, span.high / FORMER.high)


def checks(results: Results) -> list[Check]:
    """Half of the runs idle, each way; none where the model's cases were not measured."""
    try:
        model = CostModel(Measurement.of(results))
    except BenchError:
        return []
    return [
        Check(
            what=f"A month, half of 96 runs a day idle ({way}), over the former one",
            value=over_the_former(model.month(replace(plan, runs_a_day=96, idle=0.5)).pipeline),
            limit=_SHARE,
            unit="x",
        )
        for way, plan in WAYS.items()
    ]
