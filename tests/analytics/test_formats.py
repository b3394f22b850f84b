"""How numbers are written."""

from __future__ import annotations

import pytest

from analytics import formats
from analytics.metrics import Unit


@pytest.mark.parametrize(
    ("now", "before", "unit", "written"),
    [
        (110, 100, Unit.COUNT, "+10.0%"),
        (7_925, 7_927, Unit.COUNT, "0.0%"),
        (5, 0, Unit.COUNT, None),
        (0.0201, 0.02, Unit.SHARE, "+0.01 pp"),
        (0.5, 0.5, Unit.SHARE, "0.00 pp"),
        (0.1, 0.5, Unit.SHARE, "-40.0 pp"),
        (None, 0.5, Unit.SHARE, None),
        (1, float("nan"), Unit.MONEY, None),
    ],
)
def test_a_change_has_a_sign_where_there_is_one(now: float, before: float, unit: Unit, written: str | None) -> None:
    assert formats.change(now, before, unit) == written
