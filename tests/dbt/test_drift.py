"""Columns that RAW has gained or widened: staging shows them, merges take them, marts keep what they promise."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
import yaml

from ingest.contracts.registry import ContractRegistry
from orchestration.warehouse.duckdb.dialect import DIALECT
from tests.dbt.names import HOSTILE_NAMES, SHOWN_OTHERWISE
from tests.dbt.running.parsed import PROJECT
from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.world import trade
from tests.dbt.world.history import live_through_a_round, open_shop

MODELS = (
    "--select", "+fct_order_lines", "+int_stock_ledger", "+snap_stock_levels", "stg_orders",
    "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test",
)  # fmt: skip
NUMBERS = "assert_numbers_fit_the_marts"
WIDER = {"SMALLINT": "INTEGER", "INTEGER": "BIGINT"}


def widen_everything(raw: RawDatabase) -> None:
    columns = raw.query(
        "select table_name, column_name, data_type, numeric_precision, numeric_scale from information_schema.columns "
        "where table_schema = 'RAW' and table_name <> '_loads' and column_name not like '\\_%' escape '\\'"
    )
    for table, column, type_, precision, scale in columns:
        wider = f"DECIMAL({precision + 6},{scale + 2})" if type_.startswith("DECIMAL") else WIDER.get(type_)
        if wider:
            raw.execute(f'alter table RAW."{table}" alter "{column}" type {wider}')


def newest(stream: str) -> str:
    return f"_log_version = (select max(_log_version) from RAW.{stream})"


def type_of(raw: RawDatabase, schema: str, table: str, column: str) -> str:
    [(type_,)] = raw.query(
        f"select data_type from information_schema.columns where table_schema = '{schema}' "
        f"and table_name = '{table}' and column_name = '{column}'"
    )
    return str(type_)


@pytest.mark.slow
def test_staging_and_merges_take_what_the_source_gained_and_marts_do_not_round(raw: RawDatabase, dbt: Dbt) -> None:
    shop = open_shop(Random(1))
    shop.land(raw)
    dbt.succeed("build", *MODELS)
    widen_everything(raw)
    raw.execute("alter table RAW.customers add column tier varchar default 'gold'")
    raw.execute('alter table RAW.orders add column "Seen at" timestamptz')
    raw.execute("alter table RAW.products add column product_name varchar")
    raw.execute("alter table RAW.stock_levels add column bin integer")
    live_through_a_round(shop)
    shop.land(raw)
    raw.execute("update RAW.orders set \"Seen at\" = '2026-03-01 12:00:00+02'")
    raw.execute(f"update RAW.stock_movements set quantity = 5000000000 where {newest('stock_movements')}")
    dbt.succeed("build", *MODELS)

    assert raw.query("select count(tier) > 0 from STAGING.stg_customers") == [(True,)]
    assert raw.query('select distinct "Seen at"::varchar from STAGING.stg_orders') == [("2026-03-01 10:00:00",)]
    assert type_of(raw, "STAGING", "stg_products", "source_product_name") == "VARCHAR"
    assert type_of(raw, "STAGING", "stg_products", "list_price") == "DECIMAL(18,4)"
    assert type_of(raw, "INTERMEDIATE", "int_order_items", "unit_price") == "DECIMAL(18,4)"
    assert type_of(raw, "SNAPSHOTS", "snap_products", "list_price") == "DECIMAL(18,4)"
    assert type_of(raw, "SNAPSHOTS", "snap_stock_levels", "bin") == "INTEGER"
    assert type_of(raw, "MART", "fct_order_lines", "unit_price_incl_tax") == "DECIMAL(12,2)"
    assert raw.query("select max(quantity) from INTERMEDIATE.int_stock_ledger") == [(5_000_000_000,)]

    live_through_a_round(shop)
    shop.land(raw, streams=("orders", "order_items"))
    raw.execute(f"update RAW.order_items set unit_price = 1.2345 where {newest('order_items')}")
    dbt.succeed("run", "--select", "int_orders", "int_order_items", "fct_order_lines")
    assert dbt.succeed("test", "--select", NUMBERS).statuses() == {NUMBERS: "warn"}
    assert (Decimal("1.2345"),) in raw.query("select unit_price from INTERMEDIATE.int_order_items")
    assert raw.query("select * from MART.fct_order_lines where unit_price_incl_tax = 1.23") == []
    assert raw.query("select count(*) > 0 from MART.fct_order_lines where unit_price_incl_tax is null") == [(True,)]


def test_a_name_of_any_kind_is_a_name_and_nothing_else(raw: RawDatabase, dbt: Dbt) -> None:
    shop = open_shop(Random(1))
    trade.add_product(shop)
    shop.land(raw)
    selection = ("--select", "stg_products", "snap_products", "--exclude-resource-type", "test")
    dbt.succeed("build", *selection, "--exclude-resource-type", "unit_test")
    shown = {name: name for name in HOSTILE_NAMES} | SHOWN_OTHERWISE
    raw.execute(
        "".join(
            f"alter table RAW.products add column {DIALECT.quote(name)} varchar default 'value {number}';"
            for number, name in enumerate(shown)
        )
    )
    trade.delete_product(shop)
    shop.tick()
    shop.change("products", sorted(shop.rows("products"))[0], category="another")
    shop.land(raw)
    dbt.succeed("build", *selection, "--exclude-resource-type", "unit_test")

    columns = ", ".join(map(DIALECT.quote, shown.values()))
    everywhere = [tuple(f"value {number}" for number in range(len(shown)))]
    assert raw.query(f"select distinct {columns} from STAGING.stg_products") == everywhere
    taken_again = "where dbt_valid_to is null and dbt_is_deleted = 'False' and _log_version > 1"
    assert raw.query(f"select distinct {columns} from SNAPSHOTS.snap_products {taken_again}") == everywhere
    assert raw.query("select count(*) from SNAPSHOTS.snap_products where dbt_is_deleted = 'True'") == [(1,)]


def test_a_stream_of_which_a_model_does_not_say_what_it_maps_fails_by_name(tmp_path: Path, raw: RawDatabase) -> None:
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    model = "select sku, {{ new_columns('products') -}} _log_version from {{ source('raw', 'products') }}"
    (project / "models" / "staging" / "stg_unmapped.sql").write_text(model, encoding="utf-8")
    dbt = Dbt(tmp_path, project=project, variables={"DUCKDB_PATH": str(raw.path)})
    result = dbt.run("run", "--select", "stg_unmapped", "stg_orders")
    assert result.statuses() == {"stg_unmapped": "error", "stg_orders": "success"}
    assert "new_columns('products') does not say which columns of RAW stg_unmapped maps by hand" in result.output


def test_staging_reads_the_numbers_of_a_record_as_the_types_that_the_border_holds_them_to() -> None:
    [budget] = [field for field in ContractRegistry.load()["campaigns"].record_fields if field.name == "budget"]
    assert budget.landing is not None
    model = (PROJECT / "macros" / "raw" / "columns.sql").read_text(encoding="utf-8")
    assert f"exact_decimal(json_text('payload', 'budget'), {budget.landing.precision}, {budget.landing.scale})" in model


def test_what_staging_maps_by_hand_is_in_the_contracts() -> None:
    for stream, contract in ContractRegistry.load().items():
        model = (PROJECT / "models" / "staging" / f"stg_{stream}.sql").read_text(encoding="utf-8")
        mapped = yaml.safe_load(model.partition(f"new_columns('{stream}', mapped=")[2].partition(") -}}")[0])
        assert mapped == [column.name for column in contract.columns], stream
