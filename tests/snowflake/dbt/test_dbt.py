"""dbt in Snowflake: how it builds, which tables it keeps, who may read them, and who sees addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing

from orchestration.warehouse.protocol import Purpose, Row
from tests.snowflake.account import Account, connect, not_shown_here
from tests.snowflake.dbt.history import History

DATABASE = r"(?:\w+)"


def sent(statements: Sequence[str], pattern: str) -> list[str]:
    """Return the statements that match, with single spaces and without dbt's comments."""
    plain = (re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/|--[^\n]*\n", "", statement)).strip() for statement in statements)
    return [statement for statement in plain if re.search(pattern, statement, re.IGNORECASE)]


def test_every_model_snapshot_and_data_test_succeeds_run_after_run(history: History) -> None:
    for run in history.runs:
        statuses = run.result.statuses()
        # What only warns is an oddity of the source by its own description: see tests/dbt/test_project.py.
        assert set(statuses.values()) <= {"success", "pass", "no-op", "warn"}
        assert len(statuses) > 90


def test_dbts_unit_tests_hold_in_snowflake(history: History) -> None:
    result = history.two.snowflake.dbt.succeed("test", "--select", "test_type:unit")
    assert len(result.statuses()) >= 31


def test_later_runs_merge_and_rebuild_nothing_that_is_incremental(history: History, statements: Sequence[str]) -> None:
    for table in ("INTERMEDIATE.int_orders", "INTERMEDIATE.int_email_events", "MART.fct_inventory_daily"):
        assert len(sent(statements, rf"^create or replace .*table {DATABASE}\.{table}\b")) == 1, table
        assert len(sent(statements, rf"^merge into {DATABASE}\.{table}\b")) == 2, table


def test_what_raw_can_rebuild_is_transient_and_marts_and_snapshots_are_not(
    history: History, statements: Sequence[str]
) -> None:
    assert sent(statements, rf"^create or replace transient table {DATABASE}\.INTERMEDIATE\.")
    assert not sent(statements, rf"^create or replace table {DATABASE}\.INTERMEDIATE\.")
    assert sent(statements, rf"^create or replace table {DATABASE}\.(MART|SNAPSHOTS)\.")
    assert not sent(statements, rf"^create or replace transient table {DATABASE}\.(MART|SNAPSHOTS)\.")


def test_marts_have_their_primary_key_for_the_optimizer_to_rely_on(history: History, statements: Sequence[str]) -> None:
    for mart, key in (
        ("dim_product", "product_key"),
        ("fct_inventory_daily", "inventory_date, warehouse_key, product_id"),
    ):
        made = sent(statements, rf"^create or replace table {DATABASE}\.MART\.{mart}\b")
        assert made
        assert all(f"primary key ({key}) rely" in statement for statement in made), mart


def test_readers_may_read_the_marts_and_nobody_loses_a_privilege(
    history: History, statements: Sequence[str], line_account: Account
) -> None:
    reader = line_account.settings.reader_role
    marts = {node["alias"] for node in history.runs[-1].result.manifest()["nodes"].values() if node["schema"] == "MART"}
    assert not sent(statements, "^revoke")
    for statement in sent(statements, "^grant"):
        assert re.search(rf"\.MART\.({'|'.join(marts)}) to {reader}", statement), "readers get nothing but marts"
    if line_account.settings.is_local:
        with closing(line_account.warehouse().reader.connect()) as connection:
            for mart in marts:
                connection.cursor().execute(f"select * from MART.{mart} limit 1")


def test_descriptions_are_kept_with_tables_and_columns(history: History, statements: Sequence[str]) -> None:
    assert sent(statements, rf"comment on table {DATABASE}\.MART\.fct_order_lines IS \$\$What was ordered")
    assert sent(statements, r"alter table .*MART\.fct_order_lines alter .*COMMENT \$\$The UTC day of placed_at, ")
    assert sent(statements, rf"comment on table {DATABASE}\.SNAPSHOTS\.snap_products")


def test_a_statement_says_which_run_and_node_sent_it(statements: Sequence[str]) -> None:
    built = [statement for statement in statements if re.match(r"\s*(create or replace|merge into) .*MART", statement)]
    assert len(built) > 30
    said = re.compile(r'"run": "[^"]*", "node_id": "model\.dp_mailblaze_demo\.')
    assert [statement for statement in built if not said.search(statement)] == []


def test_a_scale_that_has_grown_is_the_one_thing_that_needs_a_hand(history: History) -> None:
    """Snowflake cannot change a NUMBER's scale. A command loads RAW again; dbt rewrites its own tables itself."""
    assert "unit_price" in history.refused
    assert "orchestration.warehouse reload order_items" in history.refused


def test_addresses_are_masked_for_every_role_but_the_transformers(
    history: History, statements: Sequence[str], line_account: Account
) -> None:
    role = line_account.settings.transformer_role
    [view, *_] = sent(statements, r"view .*STAGING\.stg_customers")
    assert view.startswith("create or replace secure view")
    assert f"case when current_role() = '{role}' then email else '********' end as email" in view
    with line_account.warehouse().connect(Purpose.AUDIT) as session:
        [(count,)] = session.query("select count(*) from STAGING.stg_customers where email like '%@%'")
    assert count, "the transformer sees them"

    with closing(connect(line_account.environment)) as owner:
        cursor = owner.cursor()
        cursor.execute(f"use database {line_account.database}")
        cursor.execute(f"use role {role}")
        cursor.execute("create or replace view STAGING.WHO as select current_role() as role")
        cursor.execute("use role ACCOUNTADMIN")
        if cursor.execute("select role from STAGING.WHO").fetchall() == [(role,)]:
            not_shown_here("this emulated account takes a view's role for that of whoever made it")
        cursor.execute("select distinct email, full_name from STAGING.stg_customers")
        assert cursor.fetchall() == [("********", "********")], "others do not"
        cursor.execute("select distinct recipient, payload from STAGING.stg_email_events")
        assert cursor.fetchall() == [("********", "********")]


AUTO_CLUSTERED = "select table_name from information_schema.tables where auto_clustering_on = 'YES' order by 1"


def test_no_table_is_clustered_by_a_service_of_its_own_bill_until_it_is_asked_for(
    history: History, line_account: Account
) -> None:
    def clustered() -> list[Row]:
        with line_account.warehouse().connect(Purpose.AUDIT) as session:
            return session.query(AUTO_CLUSTERED)

    assert clustered() == []
    history.two.snowflake.dbt.succeed(
        "run", "--full-refresh", "--select", "fct_stock_movements", "--vars", "cluster_facts: true"
    )
    assert clustered() == [("FCT_STOCK_MOVEMENTS",)]
