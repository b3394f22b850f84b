"""DuckDB as the warehouse: one writer (`lock`), files of the lake (`lake_reader`), a copy for readers (`publish`)."""
