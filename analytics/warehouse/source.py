"""What a page asks of a warehouse: the state of what is published, and rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

MAX_ROWS = 10_000
"""No query of a page returns more: what is to be drawn is aggregated in the warehouse."""


class Unavailable(Exception):
    """Something that a reader can read and do: one sentence of what is wrong, one of what helps."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Incomplete(Unavailable):
    """A mart is not there, or lacks a column: this part of the page cannot be shown, others can."""


class Republished(Exception):
    """What was asked for has been replaced meanwhile: ask again, of the new publication."""


@dataclass(frozen=True)
class Rows:
    """An answer: names of the columns in lower case, and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


class Session(Protocol):
    """One look at one publication."""

    def query(self, sql: str, values: Sequence[object]) -> Rows:
        """The rows of a SELECT with `?` placeholders. Raises Unavailable, Incomplete or Republished."""


class Source(Protocol):
    """The published marts."""

    polls: bool
    """Whether asking for the publication costs nothing, so that an open page may ask every few seconds."""

    def publication_id(self) -> str:
        """What changes with every publication. Raises Unavailable where nothing is published."""

    def session(self, publication_id: str) -> AbstractContextManager[Session]:
        """A session that reads this publication. Raises Unavailable, or Republished where there is a newer one."""


def too_many(columns: int) -> Unavailable:
    """For a query of more than MAX_ROWS rows."""
    return Unavailable(
        f"The answer has more than {MAX_ROWS:,} rows of {columns} columns.", "Choose a shorter range, or filter more."
    )
