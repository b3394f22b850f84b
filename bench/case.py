"""A case: something to measure, with its contenders and its targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bench.results import Check, Picture, Series, Table
from bench.world import World


@dataclass(frozen=True)
class Measured:
    """The measurements of a case: series, targets, figures by name, tables and pictures.

    `profile` holds the CPU seconds of one of our runs by stage.
    """

    series: tuple[Series, ...]
    checks: tuple[Check, ...]
    profile: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Case:
    """One case. `measure` raises BenchError if it cannot measure something.

    A case with `by_name` is measured only if it is named; `make bench` keeps its recorded result.
    """

    name: str
    title: str
    description: str
    measure: Callable[[World], Measured]
    by_name: bool = False


def wall_of(series: tuple[Series, ...], name: str) -> float:
    """Return the median seconds of one contender."""
    return find(series, name).wall


def find(series: tuple[Series, ...], name: str) -> Series:
    """Return one contender's series."""
    return next(item for item in series if item.name == name)
