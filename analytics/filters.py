"""The filters of all pages: days, campaigns, categories, countries.

They stay when the page changes, and are in the URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd
import streamlit as st

from analytics.data import Marts
from analytics.warehouse.source import Incomplete

RANGES = {"7 days": 7, "28 days": 28, "90 days": 90, "Year": 365}
_OWN = "Own range"
_DEFAULT = "28 days"
_COVER_DAYS = 28
_CLOSING_DAYS = 7
"""Every product that a warehouse ever had has a row of stock for each day up to the run's: the period's last day is one
of these. To look at all days of the period for it would be dear."""
_KEYS = ("period", "days", "campaign", "category", "country", "currency")


@dataclass(frozen=True)
class Filters:
    """The filters that the reader has chosen. Both days are included; an empty choice is no filter."""

    first_day: date
    last_day: date
    currency: str = "EUR"
    campaigns: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        """The number of days in the range."""
        return (self.last_day - self.first_day).days + 1

    @property
    def before(self) -> Filters:
        """The filters for the preceding period: as many days, up to the day before the first one."""
        length = timedelta(days=self.days)
        return replace(self, first_day=self.first_day - length, last_day=self.last_day - length)

    @property
    def grain(self) -> str:
        """The unit of time of charts: day, week or month, so that a chart has at most about a hundred points."""
        return "day" if self.days <= 100 else "week" if self.days <= 700 else "month"

    def values(self, **more: object) -> Mapping[str, object]:
        """Return the values of a query's parameters."""
        return {
            "first_day": self.first_day,
            "last_day": self.last_day,
            "closing_from": max(self.first_day, self.last_day - timedelta(days=_CLOSING_DAYS - 1)),
            "cover_from": self.last_day - timedelta(days=_COVER_DAYS - 1),
            "currency": self.currency,
            "grain": self.grain,
            "every_campaign": 0 if self.campaigns else 1,
            "campaigns": self.campaigns,
            "every_category": 0 if self.categories else 1,
            "categories": self.categories,
            "every_country": 0 if self.countries else 1,
            "countries": self.countries,
            "every_warehouse": 1,
            "warehouses": (),
            **more,
        }


def choose(marts: Marts) -> Filters:
    """Draw the filters in the sidebar. Return the reader's choice. Raises Unavailable."""
    last_day = _the_day(marts.frame("calendar_end"), "last_day") or date(1970, 1, 1)
    with st.sidebar:
        first_day, until = _range(last_day, lambda: _the_day(marts.frame("first_order"), "first_day"))
        as_of = _as_of(marts)
        if as_of is not None and as_of.date() == until:
            st.caption(f"The last day counts up to {as_of:%H:%M} UTC.")
        campaigns = marts.frame("campaigns")
        names = dict(zip(campaigns["campaign_key"], campaigns["campaign_name"], strict=True))
        chosen = (
            _several("Campaigns", "campaign", list(names), lambda key: str(names.get(key, key))),
            _several("Categories", "category", list(marts.frame("categories")["category"])),
            _several("Countries", "country", list(marts.frame("countries")["country"])),
        )
        currency = _currency(list(marts.frame("currencies")["currency"]))
    return Filters(first_day, until, currency, *chosen)


def keep_choice() -> None:
    """Keep the reader's choice on a page without filters.

    Streamlit forgets the choice of a widget that a page does not draw.
    """
    for key in _KEYS:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def _as_of(marts: Marts) -> pd.Timestamp | None:
    """Return the shop's moment that the marts were built for; None if they do not record it."""
    try:
        published = marts.frame("publication")
    except Incomplete:
        return None
    return None if published.empty else pd.Timestamp(published["business_time"].iloc[0])


def _the_day(frame: pd.DataFrame, column: str) -> date | None:
    value = None if frame.empty else frame[column].iloc[0]
    return None if value is None or pd.isna(value) else pd.Timestamp(value).date()


def _range(last_day: date, first_order: Callable[[], date | None]) -> tuple[date, date]:
    choice = st.selectbox(
        "Period", [*RANGES, _OWN], index=list(RANGES).index(_DEFAULT), key="period", bind="query-params"
    )
    if choice != _OWN:
        first = last_day - timedelta(days=RANGES[choice or _DEFAULT] - 1)
        st.caption(f"{first:%a} {first.day} {first:%b %Y} to {last_day:%a} {last_day.day} {last_day:%b %Y}")
        return first, last_day
    start = min(first_order() or last_day, last_day)
    given = st.date_input(
        "Days", (max(start, last_day - timedelta(days=27)), last_day), min_value=start, max_value=last_day, key="days",
        format="YYYY-MM-DD",
    )  # fmt: skip
    days = given if isinstance(given, tuple) else (given,)
    # Between the two clicks there is only one day.
    return (days[0], days[-1]) if days else (last_day, last_day)


def _several(label: str, key: str, options: Sequence[str], name: Callable[[str], str] = str) -> tuple[str, ...]:
    chosen = st.multiselect(label, options, format_func=name, key=key, placeholder="All", bind="query-params")
    return tuple(chosen)


def _currency(currencies: Sequence[str]) -> str:
    """Return the shop's currency, or one of several, because amounts in two currencies are never added up."""
    if len(currencies) < 2:
        return currencies[0] if currencies else "EUR"
    return str(st.selectbox("Currency", currencies, key="currency", bind="query-params"))
