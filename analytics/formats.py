"""The format of numbers, the same on every page.

Money has no cents from 1,000 on. A share has one decimal, a small share two.
"""

from __future__ import annotations

import math
from datetime import date

from analytics.metrics import Unit

NOTHING = "\u2013"
"""A dash, where there is nothing to count or to divide by. Zero is written as 0."""

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}


def symbol(currency: str) -> str:
    """Return the sign before an amount: € for EUR; for a currency without a sign its code and a blank."""
    return _SYMBOLS.get(currency, f"{currency} ")


def number(value: float | None, unit: Unit, currency: str = "EUR") -> str:
    """Return a value with its unit. None and NaN become a dash."""
    if value is None or math.isnan(value):
        return NOTHING
    if unit is Unit.MONEY:
        return _money(value, symbol(currency))
    if unit is Unit.SHARE:
        return f"{value:.2%}" if 0 < abs(value) < 0.01 else f"{value:.1%}"
    if unit is Unit.HOURS:
        return f"{value:,.1f} h"
    if unit is Unit.DAYS:
        return f"{value:,.1f} days"
    if unit is Unit.SECONDS:
        return f"{value:,.1f} s"
    return f"{value:,.0f}"


def _money(value: float, sign: str) -> str:
    minus, size = ("-" if value < 0 else ""), abs(value)
    if size >= 9_999_500:
        return f"{minus}{sign}{size / 1e6:,.1f}M"
    return f"{minus}{sign}{size:,.0f}" if size >= 1000 else f"{minus}{sign}{size:,.2f}"


def change(now: float | None, before: float | None, unit: Unit) -> str | None:
    """Return the change from the preceding period: of shares in points, otherwise in percent.

    Return None if it cannot be computed.
    """
    if now is None or before is None or math.isnan(now) or math.isnan(before):
        return None
    if unit is Unit.SHARE:
        points = (now - before) * 100
        return _signed(points, 2 if abs(points) < 1 else 1, " pp")
    return _signed((now / before - 1) * 100, 1, "%") if before else None


def _signed(value: float, decimals: int, unit: str) -> str:
    """Return a number with its sign. If it rounds to zero, it has no sign."""
    written = f"{value:+.{decimals}f}"
    return f"{written if float(written) else written[1:]}{unit}"


def day(value: date) -> str:
    """Return a date as text such as `29 Nov 2026`."""
    return f"{value.day} {value:%b %Y}"
