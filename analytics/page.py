"""What every page is given, and how one of its parts says that it cannot be shown."""

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
    """The marts, and the filters that were chosen."""

    marts: Marts
    filters: Filters

    def frame(self, query: str, **values: object) -> pd.DataFrame:
        """The rows of a query under the filters."""
        return self.marts.frame(query, self.filters.values(**values))

    def before(self, query: str, **values: object) -> pd.DataFrame:
        """The same for the period before."""
        return self.marts.frame(query, self.filters.before.values(**values))


@contextmanager
def part() -> Iterator[None]:
    """A part of a page: where a mart of it is missing, the others are shown all the same."""
    try:
        yield
    except Incomplete as problem:
        say(problem)


def say(problem: Unavailable) -> None:
    """What is wrong, and what to do."""
    st.warning(f"{_plain(problem.message)}\n\n{_plain(problem.remedy)}", icon=":material/info:")


def _plain(text: str) -> str:
    """Foreign text within Markdown: as it is, without control characters, not too long."""
    shown = "".join(character if character.isprintable() else " " for character in text)[:600]
    return "".join(f"\\{character}" if character in r"\`*_{}[]<>#$~|" else character for character in shown)


def incomplete(reasons: list[str]) -> None:
    """A line under the header that says what the figures leave out."""
    if reasons:
        st.caption(" · ".join(reasons))
