"""The data that every page gets, and the message of a part that cannot be shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from analytics.data import Marts
from analytics.filters import Filters
from analytics.warehouse.source import Incomplete, Unavailable


@dataclass(frozen=True)
class Page:
    """The marts, and the chosen filters."""

    marts: Marts
    filters: Filters

    def frame(self, query: str, **values: object) -> pd.DataFrame:
        """Return the rows of a query under the filters."""
        return self.marts.frame(query, self.filters.values(**values))

    def before(self, query: str, **values: object) -> pd.DataFrame:
        """Return the rows of a query under the filters for the preceding period."""
        return self.marts.frame(query, self.filters.before.values(**values))


@contextmanager
def part() -> Iterator[None]:
    """Draw a part of a page. If one of its marts is missing, the other parts are still shown."""
    try:
        yield
    except Incomplete as problem:
        say(problem)


def say(problem: Unavailable) -> None:
    """Draw a problem and its remedy."""
    st.warning(f"{_plain(problem.message)}\n\n{_plain(problem.remedy)}", icon=":material/info:")


def _plain(text: str) -> str:
    """Return foreign text for Markdown: escaped, without control characters, not too long."""
    shown = "".join(character if character.isprintable() else " " for character in text)[:600]
    return "".join(f"\\{character}" if character in r"\`*_{}[]<>#$~|" else character for character in shown)


def incomplete(reasons: list[str]) -> None:
    """Draw a caption under the header that names the data missing from the figures."""
    if reasons:
        st.caption(" · ".join(reasons))
