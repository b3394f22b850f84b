"""Column names: how SQL quotes them, which of them a warehouse confuses, and which the platform reserves."""

from __future__ import annotations

from ingest.contracts.model import META_COLUMNS

STAGING_COLUMNS = ("is_gone", "_deleted_version")
"""Columns that staging adds to a stream's rows before it selects from them."""


def quoted(name: str) -> str:
    """Return `name` as a quoted identifier of standard SQL, whatever its characters. Every statement for DuckDB uses
    it.

    (For Postgres: `psycopg2.sql.Identifier`; for Snowflake: `SnowflakeDialect.quote`.)
    """
    return '"' + name.replace('"', '""') + '"'


def folded(name: str) -> str:
    """Return `name` with its case folded: equal for any two names that some warehouse here may confuse.

    It folds more than each warehouse: DuckDB folds ASCII only, and Snowflake compares upper and lower case letter by
    letter.
    """
    return name.replace("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "i").upper().casefold()


def is_reserved(name: str) -> bool:
    """Return whether the platform itself adds a column of this name."""
    return folded(name) in map(folded, (*META_COLUMNS, *STAGING_COLUMNS))
