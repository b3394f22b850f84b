"""Columns and types that change between a contract, its commits and RAW's tables."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ingest.errors import (
    ConfigurationError,
)
from ingest.lake.commit import columns_of
from ingest.lake.objects.store import ObjectStore
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader
from tests.orchestration.lake_builder import AT, COLUMNS, LakeBuilder, contract, thing
from tests.orchestration.warehouse.loads import load, raw_ids, rows


def test_the_tables_have_the_contract_s_types(warehouse: DuckDBWarehouse, store: ObjectStore) -> None:
    columns = {
        "id": "smallint",
        "n": "integer",
        "Exact Price": "numeric(38,10)",
        "free": "numeric",
        "ok": "boolean",
        "day": "date",
        "local": "timestamp",
        "real": "real",
        "double": "double precision",
        "blob": "bytea",
        "select": "jsonb",
        "updated_at": "timestamptz",
    }
    lake = LakeBuilder(store, contract(columns))
    lake.data([{"id": 1, "Exact Price": Decimal("1.0000000001"), "blob": b"\x00'", "select": "{}", "updated_at": AT}])
    load(warehouse, lake)

    described = {str(row[0]): row[1] for row in rows(warehouse, "describe raw.things")}
    assert described == {
        "id": "SMALLINT",
        "n": "INTEGER",
        "Exact Price": "DECIMAL(38,10)",
        "free": "VARCHAR",
        "ok": "BOOLEAN",
        "day": "DATE",
        "local": "TIMESTAMP",
        "real": "FLOAT",
        "double": "DOUBLE",
        "blob": "BLOB",
        "select": "VARCHAR",
        "updated_at": "TIMESTAMP WITH TIME ZONE",
        "_batch_id": "VARCHAR",
        "_log_version": "BIGINT",
        "_row_number": "BIGINT",
        "_extracted_at": "TIMESTAMP WITH TIME ZONE",
    }
    assert rows(warehouse, 'select "Exact Price", blob from raw.things') == [(Decimal("1.0000000001"), b"\x00'")]


def test_a_new_column_is_added_and_older_files_have_null_in_it(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    load(warehouse, lake)
    lake.data([thing(2)])
    wider = contract({**COLUMNS, "colour": "text"})
    newer = LakeBuilder(lake.store, wider)
    newer.data([{**thing(3), "colour": "red"}])

    result = load(warehouse, newer)

    assert result.added_columns == ("colour",)
    assert rows(warehouse, "select id, colour from raw.things order by id") == [(1, None), (2, None), (3, "red")]


def test_a_column_that_the_contract_gave_up_stays(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1, "kept")])
    load(warehouse, lake)
    narrower = LakeBuilder(lake.store, contract({name: type_ for name, type_ in COLUMNS.items() if name != "name"}))
    narrower.data([thing(2)])
    load(warehouse, narrower)
    assert rows(warehouse, "select id, name from raw.things order by id") == [(1, "kept"), (2, None)]


def test_a_type_change_is_refused_with_the_way_out(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    load(warehouse, lake)
    changed = LakeBuilder(lake.store, contract({**COLUMNS, "price": "numeric(12,4)"}))
    changed.data([thing(2)])

    with pytest.raises(ConfigurationError, match=r"'price' is DECIMAL\(12,2\) .* DECIMAL\(12,4\).*reload things"):
        load(warehouse, changed)
    assert raw_ids(warehouse) == [1]


def test_a_wider_contract_widens_the_table_and_an_older_one_leaves_it(
    warehouse: DuckDBWarehouse, lake: LakeBuilder
) -> None:
    lake.data([thing(1)])
    load(warehouse, lake)
    wider = LakeBuilder(lake.store, contract({**COLUMNS, "price": "numeric(14,4)"}))
    wider.data([{**thing(2), "price": Decimal("1.2345")}])

    assert load(warehouse, wider).widened_columns == ("price: DECIMAL(12,2) to DECIMAL(14,4)",)
    lake.data([thing(3)])
    assert load(warehouse, lake).widened_columns == ()
    expected = [(1, Decimal("1.0000")), (2, Decimal("1.2345")), (3, Decimal("1.0000"))]
    assert rows(warehouse, "select id, price from raw.things order by id") == expected

    with warehouse.connect() as session:
        Loader(lake.store, "RAW", run_id="test").forget(session, wider.contract)
    load(warehouse, wider)
    assert rows(warehouse, "select id, price from raw.things order by id") == expected


def test_a_commit_s_columns_are_given_to_tables_whose_contract_does_not_know_them(
    warehouse: DuckDBWarehouse, lake: LakeBuilder
) -> None:
    lake.data([thing(1)])
    lake.keys([{"id": 1}])
    load(warehouse, lake)
    drifted = LakeBuilder(lake.store, contract({**COLUMNS, "price": "numeric(14,4)", "colour": "text"}))
    columns = columns_of(drifted.contract)
    drifted.data([{**thing(2), "price": Decimal("1.2345"), "colour": "red"}], columns=columns)

    result = load(warehouse, lake)
    assert (result.added_columns, result.widened_columns) == (("colour",), ("price: DECIMAL(12,2) to DECIMAL(14,4)",))
    expected = [(1, Decimal("1.0000"), None), (2, Decimal("1.2345"), "red")]
    assert rows(warehouse, "select id, price, colour from raw.things order by id") == expected

    with warehouse.connect() as session:
        Loader(lake.store, "RAW", run_id="test").forget(session, lake.contract)
    load(warehouse, lake)
    lake.replay(1)
    load(warehouse, lake)
    assert rows(warehouse, "select id, price, colour from raw.things order by id") == expected


def test_a_commit_whose_column_is_of_another_family_is_refused(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    load(warehouse, lake)
    lake.data([thing(2)], columns=columns_of(lake.contract) | {"name": "int64"})
    with pytest.raises(
        ConfigurationError, match=r"'name' is VARCHAR in RAW\.things, and BIGINT in version 2 of the lake"
    ):
        load(warehouse, lake)
    assert raw_ids(warehouse) == [1]


def test_a_file_of_another_type_is_refused_by_name(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    other = LakeBuilder(lake.store, contract({**COLUMNS, "price": "double precision"}))
    file = other.data([{**thing(2), "price": 1.5}]).files[0]
    with pytest.raises(ConfigurationError, match=rf"{file.key} has column 'price' as DOUBLE"):
        load(warehouse, lake)
    assert raw_ids(warehouse) == [1]


def test_a_file_with_a_column_that_the_table_lacks_is_refused(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    newer = LakeBuilder(lake.store, contract({**COLUMNS, "colour": "text"}))
    newer.data([{**thing(1), "colour": "red"}])
    with pytest.raises(ConfigurationError, match="a column 'colour' that the table does not have"):
        load(warehouse, lake)
