"""What is counted: of each run, and of the lake at the end. Written by the program, read by the case."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Kind(StrEnum):
    """What a run did in the warehouse."""

    IDLE = "idle"
    PARTIAL = "partial"
    WHOLE = "whole"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Run(_Model):
    """One run. `statements` are dbt's, None where `dbt` was not run; `selected` are the nodes that its plan names.

    `keys` are tombstones; `key_bytes` all that was landed to find deletions. `requests` are S3's, by step and price
    (`put`, `get`); `seconds` by step.
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
        """Requests that cost what a PUT costs."""
        return sum(step.get("put", 0) for step in self.requests.values())

    @property
    def get(self) -> int:
        """Requests that cost what a GET costs."""
        return sum(step.get("get", 0) for step in self.requests.values())

    @property
    def total_seconds(self) -> float:
        """Of all its steps."""
        return sum(self.seconds.values())


class Kept(_Model):
    """Objects below a prefix of the lake."""

    objects: int
    bytes: int


class Alone(_Model):
    """What dbt runs where one stream alone has news."""

    nodes: int
    statements: int


class Week(_Model):
    """All of it. `first` is the run that landed, loaded and built everything; `removable` is what `ingest gc` would
    remove; `nodes` all of dbt's, of which `alone` are those that depend on one stream.
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
        """The runs of one kind, the first one not among them."""
        return tuple(run for run in self.runs if run.kind is kind)


def mean(values: Iterable[float]) -> float:
    """The mean, 0 of nothing."""
    found = list(values)
    return sum(found) / len(found) if found else 0.0
