"""DuckDB as the warehouse: `lock` (one writer), `lake_reader`, `publish` (a copy for readers), `query` (on
the copy).
"""
