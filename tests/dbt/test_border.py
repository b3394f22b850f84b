"""Whatever record the border lets in is read by staging as the same value: on DuckDB (tests/snowflake/dbt: on both)."""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestration.warehouse.duckdb.dialect import DIALECT
from tests.border.staged import AT, Border, differences, staged
from tests.border.tables import SHOWN_AS, Table, drawn_columns, read
from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase

RECORDS = int(os.environ.get("BORDER_RECORDS", "600"))


@pytest.mark.slow
@settings(max_examples=1, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=True))
def test_what_the_border_lets_in_staging_reads_as_the_same_value(raw: RawDatabase, dbt: Dbt, rng: Random) -> None:
    borders = [Border.drawn(raw.contracts[stream], rng, RECORDS) for stream in ("email_events", "campaigns")]
    for border in borders:
        raw.land(border.contract.stream, border.rows, AT)
    products = raw.contracts["products"]
    gained = drawn_columns(products, rng, 8)
    for column in gained:
        raw.execute(f"alter table RAW.products add column {DIALECT.quote(column.name)} varchar")
    contracts = {**raw.contracts, "products": replace(products, columns=(*products.columns, *gained))}
    tables = [Table.drawn(contracts[stream], rng, RECORDS) for stream in SHOWN_AS]
    wide = RawDatabase(raw.path, contracts)
    for table in tables:
        kind = "data" if table.contract.spec.cursor else "snapshot"
        wide.land(table.contract.stream, table.rows, AT, kind=kind)
    dbt.succeed("run", "--select", "path:models/staging")
    for border in borders:
        assert differences(border.expected(), staged(raw.query, border)) == []
    for table in tables:
        assert read(raw.query(table.query(DIALECT.quote)), table) == table.expected(), table.contract.stream
