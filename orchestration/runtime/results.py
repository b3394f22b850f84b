"""Results of runs stay in the process that made them; what the API hands out as one is never read.

Prefect 2 keeps results as pickles: within a state, or as an object that a state names by a block. To read one is to run
what is in it, and whoever reaches the API can set a state. Our flows keep no results, so nothing is lost.
"""

from __future__ import annotations

from typing import Any, NoReturn

from prefect.deprecated.data_documents import DataDocument
from prefect.results import PersistedResult


class ForeignResultError(RuntimeError):
    """The API handed out a result that this process did not make."""


def read_no_results() -> None:
    """Let this process refuse to read a result that is in a state, or that a state names."""
    DataDocument.decode = _refuse  # type: ignore[method-assign]
    PersistedResult.get = _refuse  # type: ignore[method-assign]


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise ForeignResultError("the API gave a run a result that this platform did not make; it was not read")
