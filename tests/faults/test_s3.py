"""S3 misbehaves, at random and for long: every row still arrives once."""

from __future__ import annotations

from tests.chaos.campaign import Order
from tests.chaos.line import Ground
from tests.faults import s3_campaign


def test_a_storm_over_s3_loses_and_doubles_nothing(ground: Ground) -> None:
    s3_campaign.run(ground, Order(seed=1, scale=0.1)).require_passed()
