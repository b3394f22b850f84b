"""The interface of a page to its warehouse: the state of the publication, and rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

MAX_ROWS = 10_000
"""No query of a page returns more: what is to be drawn is aggregated in the warehouse."""


class Unavailable(Exception):
    """A fault with a message for the reader: one sentence on the fault, one on the remedy."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Incomplete(Unavailable):
    """A mart or one of its columns is missing, so this part of the page cannot be shown."""


class Republished(Exception):
    """The publication was replaced in the meantime. Repeat the query on the new one."""


@dataclass(frozen=True)
class Rows:
    """The result of a query: column names in lower case, and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


class Session(Protocol):
    """A session on one publication."""

    def query(self, sql: str, values: Sequence[object]) -> Rows:
        """Return the rows of a SELECT with `?` placeholders. Raises Unavailable, Incomplete or Republished."""


class Source(Protocol):
    """The published marts."""

    polls: bool
    """Whether asking for the publication costs nothing, so that an open page may ask every few seconds."""

    def publication_id(self) -> str:
        """Return a text that changes with every publication. Raises Unavailable if nothing is published."""

    def session(self, publication_id: str) -> AbstractContextManager[Session]:
        """Return a session that reads this publication. Raises Unavailable, or Republished if there is a newer one."""


def too_many(columns: int) -> Unavailable:
    """Return the error for a query with more than MAX_ROWS rows."""
    return Unavailable(
        f"The answer has more than {MAX_ROWS:,} rows of {columns} columns.", "Choose a shorter range, or filter more."
    )
