"""Snowflake's SQL as DuckDB's: reading, checking, translating, types, results. Knows nothing of accounts."""
