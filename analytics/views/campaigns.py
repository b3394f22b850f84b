"""The page on campaigns: the funnel of messages, revenue against budget, and the time until messages are opened."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from analytics import charts, formats
from analytics.cards import cards, totals
from analytics.charts import AMBER, BLUE, GREEN, VIOLET
from analytics.metrics import METRICS, Unit
from analytics.page import Page, incomplete, part
from analytics.views.overview import immaturity

_CARDS = ("message_revenue", "message_orders", "hours_to_open", "hours_to_click")
_FUNNEL = ("sent", "delivered", "opened", "clicked", "ordered")
_SHOWN = 12
_BY_MESSAGE = "Orders count here on the day their message was sent; on Overview and Sales, on their own day."


def show(page: Page) -> None:
    """Draw the page."""
    filters = page.filters
    with part():
        now = _totals(page.frame)
        cards(_CARDS, now, _totals(page.before), filters)
        incomplete([*immaturity(page), _BY_MESSAGE])
    left, right = st.columns([2, 3])
    with left, part():
        funnel(_totals(page.frame))
    with right, part():
        table = page.frame("campaign_table")
        best = table[(table["message_revenue"] > 0) | table["budget"].notna()].head(_SHOWN)
        charts.ranked(
            best, "Attributed revenue against budget", f"{filters.currency}, of messages sent in the period",
            Unit.MONEY, "campaign", {"message_revenue": ("Attributed revenue", BLUE)}, ticks=("budget", "Budget"),
        )  # fmt: skip
    with part():
        charts.over_time(
            page.frame("campaign_activity"), f"What happened each {filters.grain}",
            "Messages, on the day on which they were first opened or clicked; orders, on the day of the click",
            Unit.COUNT, {"opened": ("Opened", GREEN), "clicked": ("Clicked", VIOLET), "orders": ("Ordered", AMBER)},
        )  # fmt: skip
        if filters.countries or filters.categories:
            st.caption("This chart is of all countries and categories.")
    with part():
        campaign_table(page.frame("campaign_table"), filters.currency)


def _totals(frame: Callable[[str], pd.DataFrame]) -> dict[str, float | None]:
    """Return the totals of the messages, and of the orders that are attributed to them."""
    return totals(frame("message_totals")) | totals(frame("attribution_totals"))


def funnel(now: dict[str, float | None]) -> None:
    """Draw the stages, each with its share of the sent messages."""
    sent = now.get("sent") or 0
    rows = [(METRICS[name].label, now.get(name) or 0) for name in _FUNNEL]
    frame = pd.DataFrame(
        [(f"{label}  {value / sent:.1%}" if sent else label, value) for label, value in rows],
        columns=["stage", "messages"],
    )
    charts.ranked(
        frame, "From sent to ordered", "Messages, and their share of sent", Unit.COUNT, "stage",
        {"messages": ("Messages", BLUE)}, sort=list(frame["stage"]),
    )  # fmt: skip


def campaign_table(table: pd.DataFrame, currency: str) -> None:
    """Draw all campaigns of the period as a table. A click on a column sorts it, and it can be downloaded."""
    with st.container(border=True):
        heading, button = st.columns([4, 1], vertical_alignment="center")
        heading.markdown(f"**All campaigns of the period** &nbsp; {len(table):,}")
        if table.empty:
            st.caption("No message was sent in this period, under these filters.")
            return
        table = table.assign(return_on_budget=table["message_revenue"] / table["budget"].where(table["budget"] > 0))
        button.download_button(
            "Download CSV", table.to_csv(index=False).encode("utf-8"), "campaigns.csv", "text/csv",
            icon=":material/download:", width="stretch", on_click="ignore",
        )  # fmt: skip
        money = f"{formats.symbol(currency)}%,.0f"
        shares = ("open_rate", "people_open_rate", "click_rate", "unsubscribe_rate")
        shown = table.assign(**{name: table[name] * 100 for name in shares})
        column = st.column_config
        st.dataframe(
            shown,
            hide_index=True,
            placeholder=formats.NOTHING,
            height="content" if len(shown) <= 15 else 560,
            column_order=(
                "campaign",
                "first_sent",
                "sent",
                "delivered",
                "open_rate",
                "click_rate",
                "message_orders",
                "message_revenue",
                "budget",
                "return_on_budget",
                "people_open_rate",
                "unsubscribe_rate",
                "hours_to_open",
                "hours_to_click",
            ),
            column_config={
                "campaign": column.TextColumn("Campaign", width="medium", pinned=True),
                "first_sent": column.DateColumn("First sent", format="D MMM YYYY"),
                "sent": column.NumberColumn("Sent", format="%,d"),
                "delivered": column.NumberColumn("Delivered", format="%,d"),
                "open_rate": column.NumberColumn("Open rate", format="%.1f%%"),
                "people_open_rate": column.NumberColumn("By people", format="%.1f%%"),
                "click_rate": column.NumberColumn("Click rate", format="%.1f%%"),
                "unsubscribe_rate": column.NumberColumn("Unsubscribed", format="%.2f%%"),
                "hours_to_open": column.NumberColumn("To open (h)", format="%.1f"),
                "hours_to_click": column.NumberColumn("To click (h)", format="%.1f"),
                "message_orders": column.NumberColumn("Orders", format="%,d"),
                "message_revenue": column.NumberColumn("Revenue", format=money),
                "budget": column.NumberColumn("Budget", format=money),
                "return_on_budget": column.NumberColumn("Revenue / budget", format="%.2f"),
            },
        )
