"""Row for row, Snowflake holds what DuckDB holds, run after run.

Compared are all relations of STAGING, INTERMEDIATE, MART and SNAPSHOTS: names and order of columns, what the types are
(integer, decimals of a scale, text, time with or without zone, ...), and every value, times to the microsecond and
decimals to the digit. Snowflake has one type for all integers, and keeps more digits before the point in computed
decimals: neither is compared.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.dbt.names import HOSTILE_NAMES, SHOWN_OTHERWISE
from tests.snowflake.dbt.history import History


@pytest.mark.parametrize("run", [1, 2, 3])
def test_snowflake_holds_what_duckdb_holds(history: History, run: int) -> None:
    compared = history.runs[run - 1]
    assert compared.differences == []
    assert compared.relations == 45
    assert compared.rows > 1000


def test_all_that_can_happen_has_happened(history: History) -> None:
    """Otherwise parity would prove little."""
    duckdb = history.duckdb

    def values(relation: str, column: str) -> set[object]:
        names = [name for name, _ in duckdb[relation].columns]
        return {row[names.index(column)] for row in duckdb[relation].rows}

    for snapshot in ("SNAP_PRODUCTS", "SNAP_CAMPAIGNS"):
        assert values(f"SNAPSHOTS.{snapshot}", "DBT_IS_DELETED") == {"True", "False"}
    names = [name for name, _ in duckdb["SNAPSHOTS.SNAP_PRODUCTS"].columns]
    seen = Counter(
        tuple(row[names.index(column)] for column in ("PRODUCT_ID", "UPDATED_AT", "DBT_IS_DELETED"))
        for row in duckdb["SNAPSHOTS.SNAP_PRODUCTS"].rows
    )
    assert 2 in seen.values(), "a product left and came back as it was"
    assert values("MART.DIM_PRODUCT", "VERSION_NUMBER") >= {1, 2}
    assert "unknown" in values("MART.FCT_ORDER_LINES", "CUSTOMER_KEY")
    assert values("MART.DIM_PRODUCT", "IS_DELETED") == {"True", "False"}
    assert values("INTERMEDIATE.INT_ORDERS", "IS_DELETED") == {"True", "False"}
    assert len(values("MART.FCT_ORDERS", "ATTRIBUTED_CLICK_EVENT_ID")) > 5
    assert any("msg_" in f"{value}" for value in values("INTERMEDIATE.INT_EMAIL_EVENTS", "_FORMER_MESSAGES"))
    assert len(values("STAGING.STG_ORDERS", "SEEN AT")) > 5
    assert {*HOSTILE_NAMES, *SHOWN_OTHERWISE} <= {
        f"{value}".rpartition(" of ")[0] for row in duckdb["SNAPSHOTS.SNAP_PRODUCTS"].rows for value in row
    }
    assert dict(duckdb["INTERMEDIATE.INT_ORDER_ITEMS"].columns)["UNIT_PRICE"] == "scale 4"
    assert dict(duckdb["MART.FCT_ORDER_LINES"].columns)["UNIT_PRICE_INCL_TAX"] == "scale 2"
