"""dbt's own tests: the unit tests of the models pass, and the data tests fail where the data is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.dbt.conftest import SALT, dbt_on
from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase

DAMAGE = {
    "assert_stock_is_never_negative": (
        "update INTERMEDIATE.int_stock_ledger set balance_after = -1 where movement_id = 1"
    ),
    "assert_stock_ledger_equals_stock_levels": (
        "insert into RAW.stock_levels select warehouse_id, product_id, on_hand + 1, reorder_point, created_at, "
        "updated_at, _batch_id, 99, _row_number, _extracted_at from RAW.stock_levels limit 1"
    ),
    "assert_order_totals_add_up": (
        "update INTERMEDIATE.int_orders set order_total = order_total + 0.01 where order_id = 1"
    ),
    "assert_sold_goods_left_the_shelf": (
        "update INTERMEDIATE.int_order_items set quantity = quantity + 1 where order_item_id = 1"
    ),
    "assert_no_click_before_its_send": (
        "update MART.fct_email_messages set first_clicked_at = sent_at - interval 1 second "
        "where message_id = (select min(message_id) from MART.fct_email_messages)"
    ),
    "assert_product_history_is_seamless": (
        "update MART.dim_product set valid_to = valid_to - interval 1 day where product_id = 1"
    ),
    "assert_facts_hold_what_landed": (
        "delete from MART.fct_email_events where event_id = (select min(event_id) from MART.fct_email_events)"
    ),
    "assert_inventory_closes_on_the_ledger": (
        "delete from MART.fct_inventory_daily where inventory_date = "
        "(select min(inventory_date) from MART.fct_inventory_daily)"
    ),
    "assert_campaign_activity_adds_up": (
        "update MART.fct_campaign_activity_daily set attributed_revenue_incl_tax = attributed_revenue_incl_tax + 1"
    ),
    "assert_campaign_cohorts_add_up": (
        "update MART.fct_campaign_cohorts set attributed_orders_cancelled = attributed_orders_cancelled + 1"
    ),
    "assert_funnel_narrows": "update MART.fct_campaign_cohorts set messages_opened = messages_delivered + 1",
    "assert_an_address_has_one_holder": (
        "insert into INTERMEDIATE.int_address_holders select email_hash, -7, timestamp '2026-03-01', "
        "timestamp '2026-03-02' from INTERMEDIATE.int_address_holders limit 1"
    ),
    "assert_addresses_are_not_shared": (
        "update INTERMEDIATE.int_customer_versions set email_hash = (select min(email_hash) "
        "from INTERMEDIATE.int_customer_versions) where customer_id = 2"
    ),
    "assert_cancelled_orders_earn_nothing": (
        "update MART.fct_orders set revenue_incl_tax = 1 where order_id = (select max(order_id) from MART.fct_orders)"
    ),
    "assert_amounts_are_in_the_shops_currency": "update MART.fct_orders set currency = 'USD' where order_id = 1",
    "assert_mail_respects_refusals": (
        "update MART.fct_email_messages set consent_when_sent = false "
        "where message_id = (select max(message_id) from MART.fct_email_messages)"
    ),
    "primary_key_fct_email_events_event_id": (
        "insert into MART.fct_email_events select * from MART.fct_email_events limit 2"
    ),
    "parent_has_landed_stg_order_items_order_id__order_id__orders": (
        "insert into RAW.order_items select 9999, 9999, 1, product_id, warehouse_id, quantity, unit_price, "
        "discount_rate, line_total, created_at, updated_at, _batch_id, 99, 1, "
        "(select max(updated_at) from RAW.orders) from RAW.order_items limit 1"
    ),
    "one_open_version_snap_campaigns_campaign_id": (
        "insert into SNAPSHOTS.snap_campaigns select * from SNAPSHOTS.snap_campaigns limit 1"
    ),
    "foreign_keys_fct_order_lines_": (
        "update MART.fct_order_lines set customer_key = 'nobody' where order_item_id = 2"
    ),
}
"""What is done to a built database, by the test that must notice."""
ODDITIES = {
    "assert_stock_is_never_negative",
    "assert_stock_ledger_equals_stock_levels",
    "assert_order_totals_add_up",
    "assert_sold_goods_left_the_shelf",
    "assert_no_click_before_its_send",
    "assert_addresses_are_not_shared",
    "assert_amounts_are_in_the_shops_currency",
    "assert_mail_respects_refusals",
    "parent_has_landed_stg_order_items_order_id__order_id__orders",
}
"""Those of them that find what a source may do, and stop nothing."""


def test_builds_on_an_empty_lake_and_passes_its_unit_tests(dbt: Dbt) -> None:
    dbt.succeed("build", "--exclude-resource-type", "unit_test")
    result = dbt.succeed("test", "--select", "test_type:unit")
    assert len(result.statuses()) >= 25


def test_data_tests_notice_damage(built: RawDatabase, tmp_path: Path) -> None:
    damaged = RawDatabase(tmp_path / built.path.name, built.contracts)
    shutil.copyfile(built.path, damaged.path)
    damaged.execute(";".join(DAMAGE.values()))

    result = dbt_on(damaged, tmp_path).run("test", "--select", *DAMAGE)

    assert result.statuses() == {name: "warn" if name in ODDITIES else "fail" for name in DAMAGE}


def test_most_runs_test_the_keys_of_new_rows_alone(built: RawDatabase, tmp_path: Path) -> None:
    damaged = RawDatabase(tmp_path / built.path.name, built.contracts)
    shutil.copyfile(built.path, damaged.path)
    damaged.execute("update MART.fct_order_lines set customer_key = 'nobody' where order_item_id = 2")
    damaged.execute("insert into MART.fct_email_events select * from MART.fct_email_events limit 1")
    tests = (
        "foreign_keys_fct_order_lines_",
        "primary_key_fct_email_events_event_id",
    )

    def statuses(**variables: str) -> set[str]:
        result = dbt_on(damaged, tmp_path).run("test", "--select", *tests, **variables)
        return set(result.statuses().values())

    assert statuses(FULL_TESTS="false") == {"fail"}
    damaged.execute("update RAW._loads set loaded_at = loaded_at - interval 25 hour where stream <> 'campaigns'")
    assert statuses(FULL_TESTS="false") == {"pass"}
    assert statuses() == {"fail"}


def test_a_table_that_is_replaced_gets_the_columns_of_an_upgrade_by_a_run_of_everything(
    built: RawDatabase, tmp_path: Path
) -> None:
    old = RawDatabase(tmp_path / built.path.name, built.contracts)
    shutil.copyfile(built.path, old.path)
    table = "INTERMEDIATE.int_order_attribution"
    old.execute(f"alter table {table} drop column _events_version")

    dbt_on(old, tmp_path).succeed("run", "--select", "int_order_attribution", EMAIL_SALT=SALT)

    assert old.query(f"from {table} order by all") == built.query(f"from {table} order by all") != []


def test_a_ledger_to_which_nothing_was_added_for_a_day_is_warned_of(built: RawDatabase, tmp_path: Path) -> None:
    result = dbt_on(built, tmp_path).run("source freshness")

    assert result.code == 0, result.output
    assert "WARN freshness of raw._loads" in result.output


def test_a_quiet_table_is_not_called_stale_by_what_landed_last(built: RawDatabase, tmp_path: Path) -> None:
    stale = RawDatabase(tmp_path / built.path.name, built.contracts)
    shutil.copyfile(built.path, stale.path)
    aged = "set _extracted_at = current_timestamp - interval 1000 hour"
    stale.execute(";".join(f"update RAW.{stream} {aged}" for stream in stale.contracts))

    result = dbt_on(stale, tmp_path).run("source freshness")

    assert result.code == 0, result.output
    assert "STALE" not in result.output
