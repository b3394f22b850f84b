"""The warehouse that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from ingest.errors import ConfigurationError
from orchestration.settings import OrchestrationSettings, WarehouseKind
from orchestration.warehouse.duckdb import DuckDBWarehouse
from orchestration.warehouse.protocol import Warehouse


def duckdb_warehouse(
    settings: OrchestrationSettings,
    *,
    wait: timedelta | None = None,
    on_wait: Callable[[str], None] = lambda holder: None,
) -> DuckDBWarehouse:
    """The DuckDB warehouse in WAREHOUSE_DIR. See `open_warehouse`."""
    return DuckDBWarehouse(
        settings.warehouse_dir,
        settings.database,
        settings.lake,
        memory_limit=settings.duckdb_memory_limit,
        open_wait=settings.lock_wait if wait is None else wait,
        on_wait=on_wait,
    )


def open_warehouse(
    settings: OrchestrationSettings,
    *,
    wait: timedelta | None = None,
    on_wait: Callable[[str], None] = lambda holder: None,
) -> Warehouse:
    """The warehouse to load into.

    `wait` is how long to wait for a program that has it open without the lock, such as the dbt of a killed run (None:
    as long as for the lock); `on_wait` hears who must be waited for. Raises ConfigurationError for a warehouse that
    there is no loader for.
    """
    if settings.warehouse is WarehouseKind.DUCKDB:
        return duckdb_warehouse(settings, wait=wait, on_wait=on_wait)
    raise ConfigurationError(
        f"WAREHOUSE={settings.warehouse.value}: this version loads into DuckDB alone", hint="Set WAREHOUSE=duckdb."
    )
