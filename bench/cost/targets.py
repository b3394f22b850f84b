"""The targets for a month's bill, and whether they are met."""

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
    """Return a month's bill divided by the former one's, at the end of the span where the ratio is greater."""
    return max(span.low / FORMER.low, span.high / FORMER.high)


def checks(results: Results) -> list[Check]:
    """Return the checks with half of the runs idle, on each kind of warehouse; none if the model's cases were not
    measured.
    """
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
