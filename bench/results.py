"""Measurements, kept as JSON after each case, so that a benchmark can be interrupted and resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bench.machine import Machine
from bench.measure import Sample


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Series(_Model):
    """All runs of one contender."""

    name: str
    samples: tuple[Sample, ...]
    note: str = ""

    @property
    def wall(self) -> float:
        """Median seconds."""
        return median(sample.wall_seconds for sample in self.samples)

    @property
    def cpu(self) -> float:
        """Median CPU seconds, user and system, of the process tree."""
        return median(sample.cpu_seconds for sample in self.samples)

    @property
    def peak(self) -> float:
        """Median peak of resident memory in bytes."""
        return median(sample.peak_bytes for sample in self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """Shortest and longest wall clock."""
        walls = [sample.wall_seconds for sample in self.samples]
        return min(walls), max(walls)


class Check(_Model):
    """One target. It is met if `value` is at most `limit`."""

    what: str
    value: float
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the target was reached."""
        return self.value <= self.limit


class Table(_Model):
    """A table of the page, below its caption."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Line(_Model):
    """A line of a picture, through its points from left to right."""

    name: str
    points: tuple[tuple[float, float], ...]


class Picture(_Model):
    """Curves in one diagram, drawn to a file of this `name`. `across` and `up` are the axes' units."""

    name: str
    title: str
    across: str
    up: str
    lines: tuple[Line, ...]


class CaseResult(_Model):
    """One case: its contenders' series and its targets, or the error that ended it.

    `profile` holds the CPU seconds of one of our runs by stage, if a target needs an explanation. `figures` hold other
    measures than time: rows, files, bytes, requests.
    """

    name: str
    title: str
    description: str
    series: tuple[Series, ...] = ()
    checks: tuple[Check, ...] = ()
    profile: dict[str, float] = Field(default_factory=dict)
    figures: dict[str, float] = Field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    error: str | None = None
    machine: Machine
    measured_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0


class Results(_Model):
    """The newest result of every case."""

    cases: dict[str, CaseResult] = Field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Return the results in a file; none if there is no file."""
        return cls.model_validate_json(path.read_bytes()) if path.exists() else cls()

    def plus(self, case: CaseResult) -> Results:
        """These results with a newer one of one case."""
        return Results(cases={**self.cases, case.name: case})

    def write(self, path: Path) -> None:
        """Write the file atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(self.model_dump_json(indent=1) + "\n")
        draft.replace(path)


def series_of(samples: Mapping[str, Sequence[Sample]], notes: Mapping[str, str] | None = None) -> tuple[Series, ...]:
    """Return a series for each contender."""
    notes = notes or {}
    return tuple(Series(name=name, samples=tuple(runs), note=notes.get(name, "")) for name, runs in samples.items())
