"""The sources of the marts: `duckdb_file`, the published file, or `snowflake_account`, read in the reader's role."""
