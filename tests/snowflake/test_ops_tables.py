"""The platform's own data in Snowflake: written by the transformer, read by the reader, in few statements."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics.settings import Settings
from analytics.warehouse.snowflake_account import SnowflakeAccount
from ingest.errors import PlatformError
from orchestration.ops.intake import take_in
from orchestration.ops.outbox import Outbox
from orchestration.warehouse.ops.rows import DbtResultRow, RunRecord, RunRow, StreamRow
from orchestration.warehouse.ops.tables import ensure_ops_tables, import_records, ops_table, ops_tables
from orchestration.warehouse.protocol import Purpose
from orchestration.warehouse.snowflake.session import SnowflakeSession
from tests.snowflake.account import Account

NOW = datetime(2028, 2, 29, 12, 0, 0, 250_000, tzinfo=UTC)
KEEP = timedelta(days=36_500)


def record(run_id: str, nodes: int = 0, problem: str | None = None) -> RunRecord:
    run = RunRow(
        run_id=run_id,
        state="failed" if problem else "completed",
        warehouse="snowflake",
        started_at=NOW,
        ended_at=NOW + timedelta(seconds=1.5),
        run_seconds=1.5,
        problem=problem,
    )
    results = tuple(
        DbtResultRow(
            run_id=run_id,
            unique_id=f"model.shop.m{number}",
            node=f"m{number}",
            resource_type="model",
            materialized="table",
            status="success",
            row_count=number,
            execution_seconds=0.25,
            started_at=NOW,
            ended_at=NOW,
            failures=None,
            message='it\'s "odd"; -- ☃' if number % 2 else None,
            description=None,
            relation=None,
            compiled_path=None,
        )
        for number in range(nodes)
    )
    stream = StreamRow(run_id=run_id, stream="s", state="landed", rows_landed=3, fresh_until=NOW, age_seconds=0.5)
    return RunRecord(run=run, streams=(stream,), dbt_results=results)


def test_a_run_s_rows_are_there_once_for_the_reader_and_cost_few_statements(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    original = SnowflakeSession._run_on

    def counted(self: SnowflakeSession, connection: Any, sql: str, parameters: Any = ()) -> Any:
        statements.append(sql)
        return original(self, connection, sql, parameters)

    warehouse, outbox = account.warehouse(), Outbox(account.store)
    for each in (record("a", nodes=1_500), record("b", problem="no")):
        outbox.put(each)
    take_in(outbox, warehouse, "MART", keep=KEEP)
    outbox.put(record("a", nodes=3))
    monkeypatch.setattr(SnowflakeSession, "_run_on", counted)
    take_in(outbox, warehouse, "MART", keep=KEEP, has_tables=True)
    assert len(statements) <= 15, statements
    assert outbox.waiting() == []

    reader = _reader(account)
    assert sorted(reader.query("select run_id, state, problem from ops_runs", ()).rows) == [
        ("a", "completed", None),
        ("b", "failed", "no"),
    ]
    found = reader.query(
        "select run_id, row_count, execution_seconds, message, started_at from ops_dbt_results order by row_count", ()
    ).rows
    at = NOW.replace(tzinfo=None)
    assert [tuple(row) for row in found] == [
        ("a", 0, 0.25, None, at),
        ("a", 1, 0.25, 'it\'s "odd"; -- ☃', at),
        ("a", 2, 0.25, None, at),
    ]


def test_the_tables_are_made_once_and_grow(account: Account) -> None:
    with account.warehouse().connect(Purpose.PUBLISH) as session:
        streams = ops_table(StreamRow, "MART")
        older = replace(streams, columns=tuple(column for column in streams.columns if column.name != "blocker"))
        session.execute(session.dialect.create_table(older))
        ensure_ops_tables(session, "MART")
        ensure_ops_tables(session, "MART")
        for table in ops_tables("MART"):
            wanted = {column.name.upper(): session.dialect.type(column.type) for column in table.columns}
            assert dict(session.columns(table)) == wanted


def test_an_import_that_fails_leaves_all_as_it_was(account: Account) -> None:
    with account.warehouse().connect(Purpose.PUBLISH) as session:
        ensure_ops_tables(session, "MART")
        import_records(session, "MART", [record("a", nodes=2)], keep=KEEP)
        session.execute('DROP TABLE "MART"."OPS_SCHEMA_CHANGES"')
        with pytest.raises(PlatformError, match="OPS_SCHEMA_CHANGES"):
            import_records(session, "MART", [record("a")], keep=KEEP)
        assert session.query('SELECT count(*) FROM "MART"."OPS_DBT_RESULTS"') == [(2,)]


def _reader(account: Account) -> SnowflakeAccount:
    settings = Settings.of({"WAREHOUSE": "snowflake", "WAREHOUSE_DATABASE": account.database, **account.environment})
    assert settings.snowflake is not None
    return SnowflakeAccount(settings, settings.snowflake)
