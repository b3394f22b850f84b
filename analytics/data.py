"""The rows of a query on one publication: queried once, and cached until there is a newer publication."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from analytics import sql
from analytics.warehouse.source import Rows, Session, Source

_KEPT_ANSWERS = 1000


class Marts:
    """The marts of one publication, for one run of a page. The first query opens a session."""

    def __init__(self, source: Source, publication_id: str, stack: ExitStack) -> None:
        self._source = source
        self._stack = stack
        self._session: Session | None = None
        self.publication_id = publication_id

    def frame(self, query: str, values: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Return the rows of `queries/<query>.sql`. Raises Unavailable, Incomplete or Republished."""
        statement = sql.statement(query, values or {})
        rows: pd.DataFrame = _answer(self.publication_id, statement.sql, statement.values, self)
        return rows

    def ask(self, text: str, values: tuple[object, ...]) -> Rows:
        """Return the rows of a statement, from the warehouse."""
        if self._session is None:
            self._session = self._stack.enter_context(self._source.session(self.publication_id))
        return self._session.query(text, values)


@contextmanager
def marts(source: Source) -> Iterator[Marts]:
    """Yield the present marts. Nothing stays open afterwards. Raises Unavailable."""
    with ExitStack() as stack:
        yield Marts(source, source.publication_id(), stack)


@st.cache_data(show_spinner=False, max_entries=_KEPT_ANSWERS)
def _answer(publication_id: str, text: str, values: tuple[object, ...], _marts: Marts) -> pd.DataFrame:
    answer = _marts.ask(text, values)
    frame = pd.DataFrame.from_records([tuple(map(_plain, row)) for row in answer.rows], columns=list(answer.columns))
    for place, column in enumerate(answer.columns):
        if any(isinstance(row[place], date) for row in answer.rows):
            frame[column] = pd.to_datetime(frame[column])
    return frame


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
