"""The whole line, run once for all tests of this package, because it takes a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import timedelta

import pytest

from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from tests.orchestration.conftest import DATABASE
from tests.snowflake.account import Account, connect, new_database, not_shown_here, provisioned
from tests.snowflake.dbt.history import History
from tests.snowflake.dbt.landed_lake import LandedLake
from tests.snowflake.dbt.two_warehouses import two_warehouses
from tests.snowflake.lake_bucket import fresh_bucket
from tests.snowflake.statement_proxy import StatementProxy, statement_proxy


@pytest.fixture(scope="session")
def recorder(snowflake_environment: Mapping[str, str]) -> Iterator[tuple[StatementProxy, Mapping[str, str]] | None]:
    """A proxy that records every statement, and the environment that leads through it; None for a real account."""
    if snowflake_environment.get("SNOWFLAKE_PROTOCOL") != "http":
        yield None
        return
    host, port = snowflake_environment["SNOWFLAKE_HOST"], int(snowflake_environment["SNOWFLAKE_PORT"])
    with statement_proxy(host, port) as (proxy, own_port):
        yield proxy, {**snowflake_environment, "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": str(own_port)}


@pytest.fixture(scope="session")
def line_account(
    snowflake_environment: Mapping[str, str], recorder: tuple[StatementProxy, Mapping[str, str]] | None
) -> Iterator[Account]:
    """A database and a bucket for the line."""
    environment = recorder[1] if recorder else snowflake_environment
    with ExitStack() as stack:
        lake = stack.enter_context(fresh_bucket(environment))
        owner = stack.enter_context(closing(connect(snowflake_environment)))
        database = new_database()
        settings = SnowflakeSettings.of(environment)
        names = stack.enter_context(provisioned(owner, settings, database, lake.bucket))
        yield Account(environment, names, database, lake)


@pytest.fixture(scope="session")
def history(
    line_account: Account,
    recorder: tuple[StatementProxy, Mapping[str, str]] | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> History:
    """Three runs from lake to MART, in DuckDB and in Snowflake."""
    work = tmp_path_factory.mktemp("two_warehouses")
    duckdb = DuckDBWarehouse(work / "warehouse", DATABASE, line_account.lake_settings, open_wait=timedelta(seconds=30))
    lake = LandedLake(line_account.store)
    two = two_warehouses(lake, duckdb, line_account.warehouse(), work)
    proxy = recorder[0] if recorder else None
    history = History(two, sent=lambda: len(proxy.statements) if proxy else 0)
    history.live()
    history.statements = tuple(recorder[0].statements) if recorder else ()
    return history


@pytest.fixture
def statements(history: History) -> tuple[str, ...]:
    """Every statement that the line has sent, in order."""
    if not history.statements:
        not_shown_here("statements are noted on their way to an emulated account only")
    return history.statements
