"""The warehouse that the settings name."""

from __future__ import annotations

from analytics.settings import Settings
from analytics.warehouse.duckdb_file import DuckDBFile
from analytics.warehouse.source import Source


def open_source(settings: Settings) -> Source:
    """Return the source that the settings name: the published file, or the account."""
    if settings.snowflake is None:
        return DuckDBFile(settings)
    # These imports take a second, which only their users should wait for.
    from analytics.warehouse.snowflake_account import SnowflakeAccount

    return SnowflakeAccount(settings, settings.snowflake)
