"""Whatever record the border lets in is read by staging as the same value: on DuckDB (tests/snowflake/dbt: on both)."""

from __future__ import annotations

import os
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.border.staged import AT, Border, differences, staged
from tests.dbt.project import Dbt
from tests.dbt.raw_database import RawDatabase

RECORDS = int(os.environ.get("BORDER_RECORDS", "600"))


@settings(max_examples=1, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=True))
def test_what_the_border_lets_in_staging_reads_as_the_same_value(raw: RawDatabase, dbt: Dbt, rng: Random) -> None:
    borders = [Border.drawn(raw.contracts[stream], rng, RECORDS) for stream in ("email_events", "campaigns")]
    for border in borders:
        raw.land(border.contract.stream, border.rows, AT)
    dbt.succeed("run", "--select", "stg_email_events", "stg_campaigns")
    for border in borders:
        assert differences(border.expected(), staged(raw.query, border)) == []
