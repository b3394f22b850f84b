"""The page on price history: a product's list price, version by version, above the units sold."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import altair as alt
import pandas as pd
import streamlit as st

from analytics import charts, formats
from analytics.charts import AMBER, BLUE
from analytics.page import Page, part


def show(page: Page) -> None:
    """Draw the page."""
    with part():
        product = _product(page)
        if product is None:
            charts.nothing("Price history", "There is no product, under these filters.")
        else:
            _history(page, *product)
    with part():
        _changes(page)


def _product(page: Page) -> tuple[int, str] | None:
    """Return the key and name of the chosen product, by default the one with the most price changes."""
    products = page.frame("price_products")
    if products.empty:
        return None
    names = {
        int(row.product_id): f"{row.product_name or 'unknown'} · {row.sku}"
        + (
            f" · {row.price_changes:.0f} price change{'s' if row.price_changes > 1 else ''}"
            if row.price_changes
            else ""
        )
        for row in products.itertuples()
    }
    chosen = st.selectbox("Product", list(names), format_func=lambda key: names.get(key, str(key)), key="product")
    return None if chosen is None else (int(chosen), names[int(chosen)].split(" · ")[0])


def _history(page: Page, product_id: int, name: str) -> None:
    filters = page.filters
    versions = page.frame("price_versions", product_id=product_id)
    units = page.frame("units_of_product", product_id=product_id)
    steps = _steps(versions, filters.first_day, filters.last_day)
    title = f"{name}: list price over units sold"
    if steps.empty:
        charts.nothing(title, "The product was not known in this period.")
        return
    unit = f"{steps['currency'].iloc[0]}, tax included (line); units per {filters.grain} (bars)"
    time_axis = alt.X(
        "drawn_on:T", title=None, axis=alt.Axis(format="%-d %b", tickCount=8, grid=False, labelOverlap=True)
    )
    bars = (
        alt.Chart(units)
        .mark_bar(size=max(2, min(22, 620 // max(1, len(units)))), color=BLUE, opacity=0.55, cornerRadiusEnd=2)
        .encode(
            x=time_axis,
            y=alt.Y("units:Q", title="Units", axis=alt.Axis(format="~s", tickMinStep=1, grid=False, orient="right")),
            tooltip=[
                alt.Tooltip("drawn_on:T", title="Day", format="%a %-d %b %Y"),
                alt.Tooltip("units:Q", title="Units", format=",.0f"),
                alt.Tooltip("charged_price:Q", title="Charged on average", format=",.2f"),
            ],
        )
    )
    line = (
        alt.Chart(steps)
        .mark_line(interpolate="step-after", color=AMBER, strokeWidth=2.5)
        .encode(
            x=alt.X("drawn_on:T"),
            y=alt.Y(
                "list_price:Q",
                title="List price",
                scale=alt.Scale(zero=False, padding=20),
                axis=alt.Axis(format=",.2f"),
            ),
        )
    )
    points = (
        alt.Chart(steps[steps["is_change"]])
        .mark_point(filled=True, color=AMBER, size=70)
        .encode(
            x="drawn_on:T",
            y="list_price:Q",
            tooltip=[
                alt.Tooltip("drawn_on:T", title="From", format="%-d %b %Y %H:%M"),
                alt.Tooltip("list_price:Q", title="List price", format=",.2f"),
                alt.Tooltip("version_number:Q", title="Version"),
            ],
        )
    )
    charts.draw(
        alt.layer(bars, alt.layer(line, points)).resolve_scale(y="independent").properties(height=340), title, unit
    )
    st.caption(
        "Prices are dated by the database's clock, orders by the shop's: the two may be apart where orders are old."
    )


def _steps(versions: pd.DataFrame, first_day: object, last_day: object) -> pd.DataFrame:
    """Return the list price from the first to the last day: a point at its beginning, at each change, and at
    its end.
    """
    start = datetime.combine(pd.Timestamp(str(first_day)).date(), time())
    end = datetime.combine(pd.Timestamp(str(last_day)).date(), time()) + timedelta(days=1)
    rows = []
    for version in versions.itertuples():
        begins, ends = version.valid_from, version.valid_to
        if begins >= end or ends <= start or version.is_deleted or pd.isna(version.list_price):
            continue
        point = {
            "list_price": version.list_price,
            "currency": version.currency,
            "version_number": version.version_number,
        }
        rows.append(point | {"drawn_on": max(begins, start), "is_change": begins > start})
        rows.append(point | {"drawn_on": min(ends, end), "is_change": False})
    return pd.DataFrame(rows, columns=["list_price", "currency", "version_number", "drawn_on", "is_change"])


def _changes(page: Page) -> None:
    frame = page.frame("price_changes")
    title = "List prices that changed in the period"
    if frame.empty:
        charts.nothing(title, "No list price changed in this period, under these filters.")
        return
    sign = formats.symbol(page.filters.currency)
    column = st.column_config
    with st.container(border=True):
        st.markdown(f"**{title}** &nbsp; {len(frame):,}")
        if page.filters.campaigns or page.filters.countries:
            st.caption("What was sold a day is of all campaigns and countries.")
        st.dataframe(
            frame.assign(price_change=frame["price_change"] * 100),
            hide_index=True,
            placeholder=formats.NOTHING,
            height="content" if len(frame) <= 12 else 420,
            column_config={
                "sku": column.TextColumn("SKU"),
                "product_name": column.TextColumn("Product", width="medium"),
                "category": column.TextColumn("Category"),
                "changed_on": column.DateColumn("Changed", format="D MMM YYYY"),
                "price_before": column.NumberColumn("Before", format=f"{sign}%,.2f"),
                "list_price": column.NumberColumn("After", format=f"{sign}%,.2f"),
                "price_change": column.NumberColumn("Change", format="%+.1f%%"),
                "sold_before": column.NumberColumn("Sold a day, 14 days before", format="%.2f"),
                "sold_after": column.NumberColumn("Sold a day, 14 days after", format="%.2f"),
            },
        )
