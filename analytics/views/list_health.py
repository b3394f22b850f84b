"""The page on list health: bounces, complaints and unsubscribes, against the limits of mailbox providers."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analytics import charts, formats
from analytics.cards import cards, totals
from analytics.charts import AMBER, BLUE, RED, VIOLET
from analytics.metrics import Unit
from analytics.page import Page, incomplete, part
from analytics.views.overview import immaturity

COMPLAINTS_KEEP_BELOW, COMPLAINTS_LIMIT = 0.001, 0.003
"""Of delivered messages. Gmail's and Yahoo's rules for senders (2024): keep below 0.1 %, never reach 0.3 %."""
HARD_BOUNCES_LIMIT = 0.02
"""Of sent messages. Above 2 %, providers of e-mail services warn or suspend a sender."""
UNSUBSCRIBES_LIMIT = 0.005
"""Of delivered messages. A usual alarm of the trade."""

_CARDS = (
    "delivery_rate", "hard_bounce_rate", "soft_bounce_rate", "complaint_rate",
    "unsubscribe_rate", "without_consent", "after_unsubscription", "after_hard_bounce",
)  # fmt: skip
_CODES = {
    421: "421 service not available",
    450: "450 mailbox busy",
    451: "451 error at the receiver",
    452: "452 mailbox full",
    550: "550 no such mailbox",
    551: "551 user not local",
    552: "552 mailbox full",
    553: "553 name not allowed",
    554: "554 refused",
}
"""RFC 5321, section 4.2.3, in short."""


def show(page: Page) -> None:
    """Draw the page."""
    with part():
        mail = page.frame("messages_over_time")
        lines = {name: list(mail[name].dropna()) for name in _CARDS if name in mail}
        cards(
            _CARDS, totals(page.frame("message_totals")), totals(page.before("message_totals")), page.filters,
            lines=lines,
        )  # fmt: skip
        incomplete(immaturity(page))
    left, right = st.columns(2)
    with left, part():
        charts.over_time(
            page.frame("messages_over_time"), "Complaints",
            f"Share of delivered, by {page.filters.grain} of sending", Unit.SHARE,
            {"complaint_rate": ("Complaint rate", VIOLET)},
            rules={"keep below 0.1 %": (COMPLAINTS_KEEP_BELOW, AMBER), "limit 0.3 %": (COMPLAINTS_LIMIT, RED)},
        )  # fmt: skip
    with right, part():
        charts.over_time(
            page.frame("messages_over_time"), "Unsubscribes",
            f"Share of delivered, by {page.filters.grain} of sending", Unit.SHARE,
            {"unsubscribe_rate": ("Unsubscribe rate", BLUE)}, rules={"alarm 0.5 %": (UNSUBSCRIBES_LIMIT, AMBER)},
        )  # fmt: skip
    left, right = st.columns(2)
    with left, part():
        charts.over_time(
            page.frame("messages_over_time"), "Bounces",
            f"Share of sent, by {page.filters.grain} of sending", Unit.SHARE,
            {"hard_bounce_rate": ("Hard", RED), "soft_bounce_rate": ("Soft", AMBER)},
            rules={"hard bounces: limit 2 %": (HARD_BOUNCES_LIMIT, RED)},
        )  # fmt: skip
    with right, part():
        charts.ranked(
            _by_code(page.frame("bounces_by_code")), "Bounces by SMTP code", "Messages", Unit.COUNT, "code",
            {"hard": ("Hard", RED), "soft": ("Soft", AMBER)},
        )  # fmt: skip
    left, right = st.columns(2)
    with left, part():
        _table("By reader's country", "country", "Country", page.frame("health_by_country"))
    with right, part():
        _table("By sender", "sender", "Sender", page.frame("health_by_sender"))
        st.caption("Readers' addresses are hashed before the marts: their domains are not known here.")


def _by_code(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each code, hard and soft bounces side by side, the most frequent code first."""
    if frame.empty:
        return pd.DataFrame(columns=["code", "hard", "soft"])
    named = frame.assign(
        code=[
            _CODES.get(int(code), str(int(code))) if pd.notna(code) else "no code given"
            for code in frame["bounce_code"]
        ]
    )
    wide = named.pivot_table(index="code", columns="bounce_class", values="messages", aggfunc="sum")
    wide = wide.reindex(columns=["hard", "soft"])
    return wide.loc[wide.sum(axis=1).sort_values(ascending=False).index].reset_index()


def _table(title: str, name: str, label: str, frame: pd.DataFrame) -> None:
    if frame.empty:
        charts.nothing(title, "No message was sent in this period, under these filters.")
        return
    rates = ("delivery_rate", "hard_bounce_rate", "soft_bounce_rate", "complaint_rate", "unsubscribe_rate")
    column = st.column_config
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{title}**")
        st.dataframe(
            frame.assign(**{rate: frame[rate] * 100 for rate in rates}),
            hide_index=True,
            placeholder=formats.NOTHING,
            height="content" if len(frame) <= 12 else 420,
            column_config={
                name: column.TextColumn(label, pinned=True),
                "sent": column.NumberColumn("Sent", format="%,d"),
                "delivery_rate": column.NumberColumn("Delivered", format="%.1f%%"),
                "hard_bounce_rate": column.NumberColumn("Hard", format="%.2f%%"),
                "soft_bounce_rate": column.NumberColumn("Soft", format="%.2f%%"),
                "complaint_rate": column.NumberColumn("Complaints", format="%.2f%%"),
                "unsubscribe_rate": column.NumberColumn("Unsubscribed", format="%.2f%%"),
            },
        )
