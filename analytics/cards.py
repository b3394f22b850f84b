"""Cards with one figure each, its change since the period before, and its meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.filters import Filters
from analytics.metrics import METRICS, Unit

_A_ROW = 4


def cards(
    chosen: Sequence[str],
    now: Mapping[str, float | None],
    before: Mapping[str, float | None],
    filters: Filters,
    *,
    lines: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Draw a card for each metric. `lines` are the values over the period, by metric."""
    for start in range(0, len(chosen), _A_ROW):
        for column, name in zip(st.columns(_A_ROW), chosen[start : start + _A_ROW], strict=False):
            with column:
                _card(name, now, before, filters, (lines or {}).get(name))


def _card(
    name: str,
    now: Mapping[str, float | None],
    before: Mapping[str, float | None],
    filters: Filters,
    line: Sequence[float] | None,
) -> None:
    metric = METRICS[name]
    value = _known(now.get(name))
    past = _known(before.get(name))
    change = formats.change(value, past, metric.unit)
    is_level = change is None or not change.strip("+-0.% p")
    colour = "off" if is_level or metric.up_is_good is None else "normal" if metric.up_is_good else "inverse"
    exact = f" Exactly {value:,.2f}." if value is not None and metric.unit is Unit.MONEY else ""
    st.metric(
        metric.label,
        formats.number(value, metric.unit, filters.currency),
        change if change is not None else "nothing to compare",
        delta_color=colour,
        delta_arrow="off" if is_level else "auto",
        delta_description=f"vs {formats.number(past, metric.unit, filters.currency)}" if change is not None else None,
        help=f"{metric.meaning}{exact} Compared with the {filters.days} days before.",
        border=True,
        height="stretch",
        chart_data=list(line) if line is not None and len(line) > 1 else None,
    )


def figures(shown: Mapping[str, tuple[str, str]]) -> None:
    """Draw a card for each label, with its formatted figure and its meaning, without a comparison."""
    for column, (label, (figure, meaning)) in zip(st.columns(_A_ROW), shown.items(), strict=False):
        column.metric(label, figure, help=meaning, border=True, height="stretch")


def totals(frame: pd.DataFrame) -> dict[str, float | None]:
    """Return the one row of a query of totals, by column."""
    if frame.empty:
        return {}
    return {str(column): _known(value) for column, value in frame.iloc[0].items()}


def _known(value: object) -> float | None:
    if value is None or pd.isna(value):
        return None
    return float(value) if isinstance(value, (int, float)) or hasattr(value, "__float__") else None
