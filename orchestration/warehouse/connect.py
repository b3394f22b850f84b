"""The warehouse that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestration.settings import OrchestrationSettings, ReaderSettings, WarehouseKind
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    from orchestration.warehouse.snowflake.login import Login
    from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse


def duckdb_warehouse(
    settings: OrchestrationSettings,
    *,
    wait: timedelta | None = None,
    on_wait: Callable[[str], None] = lambda holder: None,
) -> DuckDBWarehouse:
    """Return the DuckDB warehouse in WAREHOUSE_DIR. See `open_warehouse`."""
    return DuckDBWarehouse(
        settings.warehouse_dir,
        settings.database,
        settings.lake,
        mart=settings.schemas.mart,
        memory_limit=settings.duckdb_memory_limit,
        open_wait=settings.lock_wait if wait is None else wait,
        on_wait=on_wait,
    )


def snowflake_warehouse(
    settings: OrchestrationSettings, *, run_id: str, on_wait: Callable[[str], None] = lambda holder: None
) -> SnowflakeWarehouse:
    """Return the database WAREHOUSE_DATABASE of the account that the SNOWFLAKE_* settings name.

    See `open_warehouse`.
    """
    # Imported late: the connector's import takes long, and users of DuckDB do not need it.
    from orchestration.warehouse.snowflake.settings import SnowflakeSettings
    from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse

    return SnowflakeWarehouse(
        SnowflakeSettings.load(), settings.database, settings.schemas, run_id=run_id, on_wait=on_wait
    )


def snowflake_reader(settings: ReaderSettings) -> Login:
    """Return the login that queries the marts, in the account that the SNOWFLAKE_* settings name.

    Raises ConfigurationError for bad settings.
    """
    from orchestration.warehouse.snowflake.login import reader_login
    from orchestration.warehouse.snowflake.settings import SnowflakeSettings

    return reader_login(SnowflakeSettings.load_for_reader(), settings.database)


def open_warehouse(
    settings: OrchestrationSettings,
    *,
    run_id: str,
    wait: timedelta | None = None,
    on_wait: Callable[[str], None] = lambda holder: None,
) -> Warehouse:
    """Return the warehouse to load into. Snowflake's query history shows `run_id`.

    `wait` limits the wait for a program that has it open without the lock, such as the dbt of a killed run (None: as
    long as for the lock). `on_wait` gets the name of the lock's holder. Raises ConfigurationError for bad settings.
    """
    if settings.warehouse is WarehouseKind.SNOWFLAKE:
        return snowflake_warehouse(settings, run_id=run_id, on_wait=on_wait)
    return duckdb_warehouse(settings, wait=wait, on_wait=on_wait)
