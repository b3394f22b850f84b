"""The page on sales: categories, list and charged prices, discounts, cancellations, and returning customers."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from analytics import charts, formats
from analytics.cards import cards, totals
from analytics.charts import AMBER, BLUE, GREEN, GREY, RED, VIOLET
from analytics.metrics import Unit
from analytics.page import Page, part

_ORDER_CARDS = ("revenue", "placed_orders", "cancellation_rate", "returning_share")
_LINE_CARDS = ("units", "discount_amount", "discount_share", "price_realisation")


def show(page: Page) -> None:
    """Draw the page."""
    filters = page.filters
    with part():
        cards(_ORDER_CARDS, totals(page.frame("order_totals")), totals(page.before("order_totals")), filters)
    with part():
        cards(_LINE_CARDS, totals(page.frame("line_totals")), totals(page.before("line_totals")), filters)
    with part():
        charts.ranked(
            page.frame("sales_by_category"), "List, charged and paid, by category",
            f"{filters.currency}, tax included; cancelled orders left out", Unit.MONEY, "category",
            {
                "list_amount": ("At list prices", GREY),
                "gross_amount": ("At charged prices", GREEN),
                "line_revenue": ("Paid, after discounts", BLUE),
            },
        )  # fmt: skip
    with part():
        by_category(page.frame("sales_by_category"), filters.currency)
    left, right = st.columns(2)
    with left, part():
        charts.over_time(
            page.frame("lines_over_time"), "Discounts",
            f"Share of the amount at charged prices, by {filters.grain} of the order",
            Unit.SHARE, {"discount_share": ("Discount", AMBER)},
        )  # fmt: skip
    with right, part():
        charts.over_time(
            page.frame("orders_over_time"), "Orders and cancellations", f"Orders, by {filters.grain}", Unit.COUNT,
            {"orders": ("Not cancelled", BLUE), "cancelled_orders": ("Cancelled", RED)},
        )  # fmt: skip
    with part():
        cohorts(page.frame("signup_cohorts"))


def by_category(frame: pd.DataFrame, currency: str) -> None:
    """Draw the orders of each category. An order with lines of two categories counts in both."""
    if frame.empty:
        return
    money, column = f"{formats.symbol(currency)}%,.0f", st.column_config
    with st.container(border=True):
        st.markdown("**By category**")
        st.caption("An order with lines of two categories counts in both. Discount: by the amount at charged prices.")
        st.dataframe(
            frame.assign(**{name: frame[name] * 100 for name in ("discount_share", "price_realisation")}),
            hide_index=True,
            placeholder=formats.NOTHING,
            height="content" if len(frame) <= 15 else 560,
            column_order=("category", "line_orders", "units", "line_revenue", "discount_share", "price_realisation"),
            column_config={
                "category": column.TextColumn("Category", pinned=True),
                "line_orders": column.NumberColumn("Orders", format="%,d"),
                "units": column.NumberColumn("Units", format="%,d"),
                "line_revenue": column.NumberColumn("Revenue", format=money),
                "discount_share": column.NumberColumn("Discount", format="%.1f%%"),
                "price_realisation": column.NumberColumn("Charged to list", format="%.1f%%"),
            },
        )


def cohorts(frame: pd.DataFrame) -> None:
    """Draw, for the customers who signed up in each month, the share that ordered in each later month."""
    title, unit = (
        "Who orders, by month of sign-up",
        "Share of the customers who signed up in the month, by month of the order",
    )
    if frame.empty:
        charts.nothing(title, "Nobody who signed up in these months has ordered yet, under these filters.")
        return
    frame = frame.assign(
        cohort=[
            f"{month:%b %Y} ({size:,.0f})"
            for month, size in zip(frame["signed_up_month"], frame["customers"], strict=True)
        ],
        ordered=frame["ordered_month"].dt.strftime("%b %Y"),
    )
    columns = list(frame.sort_values("ordered_month")["ordered"].unique())
    rows = list(frame.sort_values("signed_up_month")["cohort"].unique())
    base = alt.Chart(frame).encode(
        x=alt.X(
            "ordered:O", sort=columns, title=None, axis=alt.Axis(labelAngle=0, orient="top", ticks=False, domain=False)
        ),
        y=alt.Y(
            "cohort:O",
            sort=rows,
            title=None,
            axis=alt.Axis(ticks=False, domain=False, labelLimit=190, labelOverlap=False),
        ),
        tooltip=[
            alt.Tooltip("cohort:N", title="Signed up (customers)"),
            alt.Tooltip("ordered:N", title="Ordered in"),
            alt.Tooltip("buyers:Q", title="Customers who ordered", format=",.0f"),
            alt.Tooltip("buyer_share:Q", title="Share", format=".1%"),
        ],
    )
    cells = base.mark_rect(cornerRadius=3, stroke="transparent", strokeWidth=2).encode(
        color=alt.value(VIOLET),
        opacity=alt.Opacity("buyer_share:Q", scale=alt.Scale(range=[0.12, 0.75], zero=True), legend=None),
    )
    words = base.mark_text(fontSize=12, color=charts.text_colour()).encode(text=alt.Text("buyer_share:Q", format=".0%"))
    charts.draw(alt.layer(cells, words).properties(height=max(140, 34 * len(rows) + 40)), title, unit)
