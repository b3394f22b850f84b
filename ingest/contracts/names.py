"""Names of columns: how SQL writes them, which of them warehouses take for the same, which the platform keeps."""

from __future__ import annotations

from ingest.contracts.model import META_COLUMNS

STAGING_COLUMNS = ("is_gone", "_deleted_version")
"""Columns that staging adds to a stream's rows before it selects from them."""


def quoted(name: str) -> str:
    """`name` as an identifier of standard SQL, whatever it is made of: what every statement for DuckDB writes.

    (For Postgres: `psycopg2.sql.Identifier`; for Snowflake: `SnowflakeDialect.quote`.)
    """
    return '"' + name.replace('"', '""') + '"'


def folded(name: str) -> str:
    """`name` without its case: equal for any two names that a warehouse here may take for one.

    Wider than each of them: DuckDB folds ASCII, Snowflake compares upper case and lower case letter by letter.
    """
    return name.replace("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "i").upper().casefold()


def is_reserved(name: str) -> bool:
    """Whether the platform adds a column of this name itself."""
    return folded(name) in map(folded, (*META_COLUMNS, *STAGING_COLUMNS))
