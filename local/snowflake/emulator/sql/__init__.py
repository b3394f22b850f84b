"""Snowflake's SQL as DuckDB's: reading, checking, translating, types, results. This package knows no accounts."""
