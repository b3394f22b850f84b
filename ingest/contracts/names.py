"""Names of columns: which of them the warehouses take for the same, and which the platform keeps for itself."""

from __future__ import annotations

from ingest.contracts.model import META_COLUMNS

STAGING_COLUMNS = ("is_gone", "_keys_version")
"""Columns that staging adds to a stream's rows before it selects from them."""


def folded(name: str) -> str:
    """`name` without its case: equal for any two names that a warehouse here may take for one.

    Wider than each of them: DuckDB folds ASCII, Snowflake compares upper case and lower case letter by letter.
    """
    return name.replace("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "i").upper().casefold()


def is_reserved(name: str) -> bool:
    """Whether the platform adds a column of this name itself."""
    return folded(name) in map(folded, (*META_COLUMNS, *STAGING_COLUMNS))
