"""The counts of each run, and of the lake at the end. The program writes them, and the case reads them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Kind(StrEnum):
    """The kind of a run, by its work in the warehouse."""

    IDLE = "idle"
    PARTIAL = "partial"
    WHOLE = "whole"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Run(_Model):
    """One run. `statements` are dbt's, None if `dbt` was not run. `selected` are the nodes that its plan selects.

    `keys` counts tombstones, `key_bytes` all bytes landed to find deletions. `requests` counts S3's requests by step
    and price class (`put`, `get`), `seconds` the time by step.
    """

    number: int
    kind: Kind
    news: tuple[str, ...]
    commits: int
    rows: int
    files: int
    bytes: int
    keys: int
    key_files: int
    key_bytes: int
    selected: int
    statements: int | None
    requests: dict[str, dict[str, int]]
    seconds: dict[str, float]

    @property
    def put(self) -> int:
        """Number of requests with the price of a PUT."""
        return sum(step.get("put", 0) for step in self.requests.values())

    @property
    def get(self) -> int:
        """Number of requests with the price of a GET."""
        return sum(step.get("get", 0) for step in self.requests.values())

    @property
    def total_seconds(self) -> float:
        """Seconds of all steps."""
        return sum(self.seconds.values())


class Kept(_Model):
    """Objects below a prefix of the lake."""

    objects: int
    bytes: int


class Alone(_Model):
    """The number of nodes and statements of dbt if only one stream has new rows."""

    nodes: int
    statements: int


class Week(_Model):
    """The counts of a whole week.

    `first` is the run that landed, loaded and built everything. `removable` are the objects that `ingest gc` would
    remove. `nodes` counts all dbt nodes; `alone` counts, by stream, the nodes that run if only that stream has new
    rows.
    """

    first: Run
    runs: tuple[Run, ...]
    runs_a_day: int
    lake: dict[str, Kept]
    removable: Kept
    nodes: int
    alone: dict[str, Alone]
    keys: int
    warehouse_bytes: int
    rows_at_the_source: int
    marts: int

    def of(self, kind: Kind) -> tuple[Run, ...]:
        """Return the runs of one kind, without the first run."""
        return tuple(run for run in self.runs if run.kind is kind)


def mean(values: Iterable[float]) -> float:
    """Return the mean, 0 if there are no values."""
    found = list(values)
    return sum(found) / len(found) if found else 0.0
