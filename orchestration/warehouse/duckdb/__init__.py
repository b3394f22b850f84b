"""DuckDB as the warehouse: `lock` (one writer), `lake_reader`, `publish` (a copy for readers) and `query` (on that)."""
