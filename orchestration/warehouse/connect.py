"""The warehouse that the settings name."""

from __future__ import annotations

from collections.abc import Callable

from ingest.errors import ConfigurationError
from orchestration.settings import OrchestrationSettings, WarehouseKind
from orchestration.warehouse.duckdb import DuckDBWarehouse
from orchestration.warehouse.protocol import Warehouse


def duckdb_warehouse(
    settings: OrchestrationSettings, *, on_wait: Callable[[str], None] = lambda holder: None
) -> DuckDBWarehouse:
    """The DuckDB warehouse in WAREHOUSE_DIR."""
    return DuckDBWarehouse(
        settings.warehouse_dir,
        settings.database,
        settings.lake,
        memory_limit=settings.duckdb_memory_limit,
        on_wait=on_wait,
    )


def open_warehouse(
    settings: OrchestrationSettings, *, on_wait: Callable[[str], None] = lambda holder: None
) -> Warehouse:
    """The warehouse to load into; `on_wait` hears who holds its lock, where it must be waited for.

    Raises ConfigurationError for one that there is no loader for.
    """
    if settings.warehouse is WarehouseKind.DUCKDB:
        return duckdb_warehouse(settings, on_wait=on_wait)
    raise ConfigurationError(
        f"WAREHOUSE={settings.warehouse.value}: this version loads into DuckDB alone", hint="Set WAREHOUSE=duckdb."
    )
