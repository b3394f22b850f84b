"""Where the marts are read: `duckdb_file`, the published file, or `snowflake_account`, as the reader."""
