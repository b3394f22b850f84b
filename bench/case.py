"""A case: something to measure, with its contenders and its targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bench.results import Check, Picture, Series, Table
from bench.world import World


@dataclass(frozen=True)
class Measured:
    """What a case found: series, targets, figures by name, tables and pictures.

    `profile` are the CPU seconds of one run of ours by stage.
    """

    series: tuple[Series, ...]
    checks: tuple[Check, ...]
    profile: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Case:
    """One case. `measure` raises BenchError where something cannot be measured.

    A case with `by_name` is measured where it is named; `make bench` leaves what is recorded of it as it is.
    """

    name: str
    title: str
    description: str
    measure: Callable[[World], Measured]
    by_name: bool = False


def wall_of(series: tuple[Series, ...], name: str) -> float:
    """The median seconds of one contender."""
    return find(series, name).wall


def find(series: tuple[Series, ...], name: str) -> Series:
    """One contender's series."""
    return next(item for item in series if item.name == name)
