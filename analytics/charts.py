"""Charts in one style: a title, a subtitle with the unit, few lines, a description for screen readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import altair as alt
import pandas as pd
import streamlit as st

from analytics.metrics import Unit

BLUE, GREEN, AMBER, VIOLET, RED, GREY = "#3d6fd6", "#1b998b", "#d97a1e", "#8a5fd0", "#c8476b", "#8491a5"
"""Of one lightness, so that each can be told from a white and from a dark background (3:1 and more)."""

_FORMATS = {Unit.MONEY: ",.0f", Unit.COUNT: ",.0f", Unit.SHARE: ".1%", Unit.HOURS: ",.1f", Unit.DAYS: ",.1f",
            Unit.SECONDS: ",.2f"}  # fmt: skip
_HEIGHT = 280


def text_colour(theme: str | None = None) -> str:
    """Return the colour of words within a chart, by the reader's theme (light or dark)."""
    return "#e6eaf0" if (theme or st.context.theme.type) == "dark" else "#0f1620"


def muted_colour(theme: str | None = None) -> str:
    """Return the colour of less important words. Colours of lines are too bright for words."""
    return "#a3adbb" if (theme or st.context.theme.type) == "dark" else "#5b6675"


def nothing(title: str, why: str) -> None:
    """Draw a message in place of an empty chart."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{title}**")
        st.caption(why)


def draw(chart: alt.TopLevelMixin, title: str, unit: str) -> None:
    """Draw a chart in a card. `unit` describes the values and their unit."""
    with st.container(border=True, height="stretch"):
        st.altair_chart(
            chart.properties(
                title=alt.TitleParams(
                    title, subtitle=unit, anchor="start", offset=12, subtitleColor=muted_colour(), subtitlePadding=4
                ),
                description=f"{title}. {unit}",
            ),
            width="stretch",
        )


def over_time(
    frame: pd.DataFrame,
    title: str,
    unit: str,
    kind: Unit,
    series: Mapping[str, tuple[str, str]],
    *,
    time: str = "drawn_on",
    bars: Sequence[str] = (),
    rules: Mapping[str, tuple[float, str]] | None = None,
) -> None:
    """Draw columns of `frame` over time. `series` has label and colour by column; columns in `bars` are drawn as bars.

    `rules` are horizontal lines: value and colour by label.
    """
    long = frame.melt(id_vars=[time], value_vars=list(series), var_name="column", value_name="value")
    long["series"] = long["column"].map({column: label for column, (label, _) in series.items()})
    if long["value"].dropna().empty:
        nothing(title, "Nothing in this period, under these filters.")
        return
    scale = alt.Scale(domain=[label for label, _ in series.values()], range=[colour for _, colour in series.values()])
    legend = alt.Legend(orient="top", title=None, direction="horizontal") if len(series) > 1 else None
    base = alt.Chart(long).encode(
        x=alt.X(f"{time}:T", title=None, axis=alt.Axis(format="%-d %b", tickCount=8, grid=False, labelOverlap=True)),
        y=alt.Y("value:Q", title=None, axis=_axis(kind), scale=_from_zero(long["value"]), stack=None),
        color=alt.Color("series:N", scale=scale, legend=legend),
        tooltip=[
            alt.Tooltip(f"{time}:T", title="Day", format="%a %-d %b %Y"),
            alt.Tooltip("series:N", title=" "),
            alt.Tooltip("value:Q", title=unit.split(",")[0], format=_precise(kind)),
        ],
    )
    layers: list[alt.Chart] = []
    drawn_as_bars = [series[column][0] for column in bars]
    if drawn_as_bars:
        width = max(2, min(24, 620 // max(1, frame[time].nunique())))
        layers.append(
            base.transform_filter(alt.FieldOneOfPredicate("series", drawn_as_bars)).mark_bar(
                size=width, cornerRadiusEnd=2
            )
        )
    lines = [label for column, (label, _) in series.items() if column not in bars]
    if lines:
        layers.append(
            base.transform_filter(alt.FieldOneOfPredicate("series", lines)).mark_line(
                strokeWidth=2, point=alt.OverlayMarkDef(size=28 if frame[time].nunique() <= 45 else 0, filled=True)
            )
        )
    layers += [layer for name, (value, colour) in (rules or {}).items() for layer in _rule(name, value, colour, kind)]
    draw(alt.layer(*layers).properties(height=_HEIGHT), title, unit)


def _rule(name: str, value: float, colour: str, kind: Unit) -> Sequence[alt.Chart]:
    data = alt.Chart(pd.DataFrame({"value": [value], "name": [name]}))
    return (
        data.mark_rule(strokeDash=[5, 4], color=colour, strokeWidth=1.5).encode(
            y="value:Q",
            tooltip=[alt.Tooltip("name:N", title="Threshold"), alt.Tooltip("value:Q", format=_precise(kind))],
        ),
        data.mark_text(align="right", baseline="bottom", dy=-3, color=muted_colour(), fontSize=11).encode(
            y="value:Q", x=alt.value("width"), text="name:N"
        ),
    )


def ranked(
    frame: pd.DataFrame,
    title: str,
    unit: str,
    kind: Unit,
    name: str,
    series: Mapping[str, tuple[str, str]],
    *,
    ticks: tuple[str, str] | None = None,
    sort: str | Sequence[str] = "-x",
    labels: bool = True,
) -> None:
    """Draw horizontal bars, a row for each `name`.

    `ticks` is a column, drawn as a mark across the bar, and its label.
    """
    if frame.empty or frame[list(series)].fillna(0).to_numpy().sum() == 0:
        nothing(title, "Nothing in this period, under these filters.")
        return
    order = list(frame[name]) if sort == "-x" else list(sort)
    long = frame.melt(id_vars=[name], value_vars=list(series), var_name="column", value_name="value")
    long["series"] = long["column"].map({column: label for column, (label, _) in series.items()})
    domain = [label for label, _ in series.values()]
    colours = [colour for _, colour in series.values()]
    if ticks is not None:
        domain, colours = [*domain, ticks[1]], [*colours, AMBER]
    # Charts are placed one below the other beside long names, because a small screen has no room for both.
    direction: Literal["horizontal", "vertical"] = "horizontal" if ticks is None else "vertical"
    legend = alt.Legend(orient="top", title=None, direction=direction) if len(domain) > 1 else None
    base = alt.Chart(long).encode(
        y=alt.Y(
            f"{name}:N",
            sort=order,
            title=None,
            axis=alt.Axis(labelLimit=190, labelOverlap=False, ticks=False, domain=False),
        ),
        x=alt.X("value:Q", title=None, axis=_axis(kind)),
        color=alt.Color("series:N", scale=alt.Scale(domain=domain, range=colours), legend=legend),
        tooltip=[
            alt.Tooltip(f"{name}:N", title=name.replace("_", " ").capitalize()),
            alt.Tooltip("series:N", title=" "),
            alt.Tooltip("value:Q", title=unit.split(",")[0], format=_precise(kind)),
        ],
    )
    if len(series) > 1:
        base = base.encode(yOffset=alt.YOffset("series:N", sort=[label for label, _ in series.values()]))
    layers = [base.mark_bar(cornerRadiusEnd=2, height=alt.RelativeBandSize(0.75))]
    if labels and len(series) == 1 and ticks is None:
        layers.append(
            base.mark_text(align="left", dx=5, fontSize=11).encode(
                text=alt.Text("value:Q", format=_precise(kind)), color=alt.value(muted_colour())
            )
        )
    if ticks is not None:
        budgets = frame[[name, ticks[0]]].dropna().assign(series=ticks[1])
        layers.append(
            alt.Chart(budgets)
            .mark_tick(thickness=3, size=18)
            .encode(
                y=alt.Y(f"{name}:N", sort=order),
                x=alt.X(f"{ticks[0]}:Q"),
                color=alt.Color("series:N", scale=alt.Scale(domain=domain, range=colours)),
                tooltip=[
                    alt.Tooltip(f"{name}:N", title=name.replace("_", " ").capitalize()),
                    alt.Tooltip(f"{ticks[0]}:Q", title=ticks[1], format=_precise(kind)),
                ],
            )
        )
    rows = frame[name].nunique() * max(1.0, len(series) * 0.62)
    draw(alt.layer(*layers).properties(height=max(160, min(640, 28 * rows + (110 if legend else 75)))), title, unit)


def stacked(
    frame: pd.DataFrame,
    title: str,
    unit: str,
    kind: Unit,
    name: str,
    series: Mapping[str, tuple[str, str]],
    *,
    label_length: int,
) -> None:
    """Draw bars side by side in the order of `frame`, one for each `name`, each made of the columns of `series`.

    The first `label_length` characters of a name are written below its bar, if there is room.
    """
    if frame.empty or frame[list(series)].astype(float).fillna(0).to_numpy().sum() == 0:
        nothing(title, "Nothing in this period.")
        return
    long = frame.melt(id_vars=[name], value_vars=list(series), var_name="column", value_name="value")
    long = long.assign(
        series=long["column"].map({column: label for column, (label, _) in series.items()}),
        rank=long["column"].map({column: place for place, column in enumerate(series)}),
        value=long["value"].astype(float),
    )
    labels, colours = zip(*series.values(), strict=True)
    chart = alt.Chart(long).mark_bar(cornerRadiusEnd=2, width=alt.RelativeBandSize(min(0.8, len(frame) / 15))).encode(
        x=alt.X(
            f"{name}:O", sort=list(frame[name]), title=None,
            axis=alt.Axis(labelExpr=f"slice(datum.label, 0, {label_length})", labelAngle=0, labelOverlap="greedy",
                          ticks=False),
        ),
        y=alt.Y("value:Q", title=None, axis=_axis(kind)),
        color=alt.Color(
            "series:N", scale=alt.Scale(domain=list(labels), range=list(colours)),
            legend=alt.Legend(orient="top", title=None, direction="horizontal"),
        ),
        order=alt.Order("rank:Q"),
        tooltip=[
            alt.Tooltip(f"{name}:N", title=name.capitalize()),
            alt.Tooltip("series:N", title=" "),
            alt.Tooltip("value:Q", title=unit.split(",")[0], format=_precise(kind)),
        ],
    )  # fmt: skip
    draw(chart.properties(height=_HEIGHT), title, unit)


def _axis(kind: Unit) -> alt.Axis:
    """Return the axis of values. Counts have no fractions, and a zero has no thousands."""
    number = "datum.value, ',.3~f'"
    if kind is Unit.SHARE:
        number = "datum.value, '.2~%'"
    elif kind in (Unit.MONEY, Unit.COUNT):
        number = "datum.value, abs(datum.value) < 1000 ? ',.2~f' : '~s'"
    least = {"tickMinStep": 1} if kind is Unit.COUNT else {}
    return alt.Axis(labelExpr=f"format({number})", tickCount=5, **least)


def _from_zero(values: pd.Series) -> alt.Scale:
    """Return a scale from zero, with an axis even if all values are zero."""
    return alt.Scale(domain=[0, 1]) if not values.fillna(0).astype(float).any() else alt.Scale()


def _precise(kind: Unit) -> str:
    return ".2%" if kind is Unit.SHARE else _FORMATS[kind]
