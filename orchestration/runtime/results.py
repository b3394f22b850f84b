"""Refuses results from Prefect's API. Results of runs stay in the process that made them.

Prefect 2 keeps results as pickles: within a state, or as an object that a state names by a block. Reading a pickle runs
its code, and anybody who reaches the API can set a state. Our flows keep no results, so nothing is lost.
"""

from __future__ import annotations

from typing import Any, NoReturn

from prefect.deprecated.data_documents import DataDocument
from prefect.results import PersistedResult


class ForeignResultError(RuntimeError):
    """The API returned a result that this process did not make."""


def read_no_results() -> None:
    """Make this process refuse to read a result that a state contains or names."""
    DataDocument.decode = _refuse  # type: ignore[method-assign]
    PersistedResult.get = _refuse  # type: ignore[method-assign]


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise ForeignResultError("the API gave a run a result that this platform did not make; it was not read")
