"""The overview page: sales and sent messages, each against the preceding period."""

from __future__ import annotations

import streamlit as st

from analytics import charts
from analytics.cards import cards, totals
from analytics.charts import BLUE, GREEN, GREY, VIOLET
from analytics.metrics import Unit
from analytics.page import Page, incomplete, part

_SALES = ("revenue", "orders", "average_order", "attributed_revenue")
_MAIL = ("delivered", "open_rate", "click_rate", "unsubscribed")


def show(page: Page) -> None:
    """Draw the page."""
    filters = page.filters
    with part():
        daily = page.frame("orders_over_time")
        daily["average_order"] = (daily["revenue"] / daily["orders"].where(daily["orders"] > 0)).astype(float)
        lines = {name: list(daily[name].dropna()) for name in _SALES}
        cards(_SALES, totals(page.frame("order_totals")), totals(page.before("order_totals")), filters, lines=lines)
    with part():
        mail = page.frame("messages_over_time")
        mail_lines = {name: list(mail[name].dropna()) for name in _MAIL}
        cards(
            _MAIL, totals(page.frame("message_totals")), totals(page.before("message_totals")), filters,
            lines=mail_lines,
        )  # fmt: skip
        incomplete(immaturity(page))
    with part():
        before = page.before("orders_over_time")["revenue"]
        daily = page.frame("orders_over_time").assign(before=before)
        charts.over_time(
            daily, f"Revenue per {filters.grain}",
            f"{filters.currency}, tax included, by {filters.grain} of the order", Unit.MONEY,
            {"revenue": ("This period", BLUE), "before": ("Period before", GREY)}, bars=["revenue"],
        )  # fmt: skip
    left, right = st.columns(2)
    with left, part():
        charts.ranked(
            page.frame("sales_by_category"), "Revenue by category", f"{filters.currency}, tax included", Unit.MONEY,
            "category", {"line_revenue": ("Revenue", BLUE)},
        )  # fmt: skip
    with right, part():
        charts.ranked(
            page.frame("revenue_by_country"), "Revenue by country", f"{filters.currency}, tax included", Unit.MONEY,
            "country", {"revenue": ("Revenue", GREEN)},
        )  # fmt: skip
    left, right = st.columns(2)
    with left, part():
        charts.over_time(
            page.frame("messages_over_time"), f"E-mails by {filters.grain} of sending",
            f"Messages sent in the {filters.grain}", Unit.COUNT,
            {"delivered": ("Delivered", BLUE), "opened": ("Opened", GREEN), "clicked": ("Clicked", VIOLET)},
        )  # fmt: skip
    with right, part():
        charts.over_time(
            page.frame("messages_over_time"), "Open and click rate",
            f"Share of delivered, by {page.filters.grain} of sending",
            Unit.SHARE, {"open_rate": ("Unique open rate", GREEN), "click_rate": ("Unique click rate", VIOLET)},
        )  # fmt: skip


def immaturity(page: Page) -> list[str]:
    """Return remarks on the messages and categories that the figures on messages leave out."""
    sent = totals(page.frame("immature_messages"))
    notes = []
    if sent.get("sent") and sent.get("immature"):
        share = (sent["immature"] or 0) / (sent["sent"] or 1)
        notes.append(f"{share:.0%} of these messages were sent so recently that more opens and clicks will come.")
    if page.filters.categories:
        notes.append("A category says nothing of a message: figures on e-mails are of all categories.")
    return notes
