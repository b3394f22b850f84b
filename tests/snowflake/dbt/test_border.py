"""Staging reads every value that the border accepts as the same value in both warehouses, through lake and loaders."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.contracts.registry import ContractRegistry
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.protocol import Purpose
from tests.border.staged import AT, Border, differences, staged
from tests.border.tables import SHOWN_AS, Table, drawn_columns, read
from tests.orchestration.conftest import DATABASE
from tests.snowflake.account import Account
from tests.snowflake.dbt.landed_lake import LandedLake
from tests.snowflake.dbt.two_warehouses import two_warehouses

RECORDS = int(os.environ.get("BORDER_RECORDS", "600"))
STREAMS = ("email_events", "campaigns")


@settings(max_examples=1, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=True))
def test_what_the_border_lets_in_is_the_same_value_in_both_warehouses(
    account: Account, tmp_path: Path, rng: Random
) -> None:
    contracts = ContractRegistry.load()
    lake = LandedLake(account.store)
    duckdb = DuckDBWarehouse(tmp_path / "warehouse", DATABASE, account.lake_settings, open_wait=timedelta(seconds=30))
    two = two_warehouses(lake, duckdb, account.warehouse(), tmp_path)
    borders = [Border.drawn(contracts[stream], rng, RECORDS) for stream in STREAMS]
    for border in borders:
        lake.land(border.contract.stream, border.rows, AT)
    for column in drawn_columns(contracts["products"], rng, 8):
        lake.gain("products", column.name, column.landing)
    tables = [Table.drawn(lake.contracts[stream], rng, RECORDS) for stream in SHOWN_AS]
    for table in tables:
        kind = "data" if table.contract.spec.cursor else "snapshot"
        lake.land(table.contract.stream, table.rows, AT, kind=kind)
    for built in (two.duckdb, two.snowflake):
        assert [outcome.error for outcome in built.load(lake).values() if outcome.error] == []
        built.dbt.succeed("run", "--select", "path:models/staging")
        with built.warehouse.connect(Purpose.AUDIT) as session:
            for border in borders:
                assert differences(border.expected(), staged(session.query, border)) == [], built.warehouse.name
            for table in tables:
                shown = read(session.query(table.query(session.dialect.quote)), table)
                assert shown == table.expected(), (built.warehouse.name, table.contract.stream)
