"""S3 misbehaves, at random and for long: every row still arrives once."""

from __future__ import annotations

from tests.chaos.line import Ground
from tests.faults.s3_campaign import s3_campaign


def test_a_storm_over_s3_loses_and_doubles_nothing(ground: Ground) -> None:
    report = s3_campaign(ground, seed=20260501, rounds=5)
    print(report)
    assert report.struck.total() > 20, report
    assert report.ended["run done"] > 0, report
    assert report.ended["load done"] > 0, report
