"""Splits a time into start-up and the part that grows with the work."""

from __future__ import annotations

from collections.abc import Sequence

from bench.results import Series, Table

_MILLION = 1e6


def parts(unit: str, points: Sequence[tuple[int, Series]], names: Sequence[str] = ("",)) -> Table:
    """Return the straight line through the smallest and the largest size: its start, and the increase for a `unit` (a
    million).

    `points` are sizes with their measurements. If there are several `names`, each one's contender is the one whose
    series begins with the name.
    """
    rows = []
    for name in names:
        own = sorted((point for point in points if point[1].name.startswith(name)), key=lambda point: point[0])
        (small, first), (large, last) = own[0], own[-1]
        for what, of in (("wall", _wall), ("CPU", _cpu)):
            each = (of(last) - of(first)) / (large - small) * _MILLION
            rows.append(
                (f"{name}, {what}" if name else what, f"{of(first) - each * small / _MILLION:.2f}", f"{each:.2f}")
            )
    return Table(
        title="Of this is start-up, whatever the size, and what grows:",
        head=("", "start-up, s", f"{unit}, s"),
        rows=tuple(rows),
    )


def _wall(series: Series) -> float:
    return series.wall


def _cpu(series: Series) -> float:
    return series.cpu
