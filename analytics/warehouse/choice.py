"""The warehouse that the settings name."""

from __future__ import annotations

from analytics.settings import Settings
from analytics.warehouse.duckdb_file import DuckDBFile
from analytics.warehouse.source import Source


def open_source(settings: Settings) -> Source:
    """The published file, or the account."""
    if settings.snowflake is None:
        return DuckDBFile(settings)
    # A second of imports that only its users wait for.
    from analytics.warehouse.snowflake_account import SnowflakeAccount

    return SnowflakeAccount(settings, settings.snowflake)
