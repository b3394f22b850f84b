"""Sources to lake: bounded extraction windows, committed to S3 exactly once.

It imports no Prefect, no dbt and no warehouse. Start reading at `ingest.run.runner`.

contracts  one data contract per stream: its columns, key and cursor
sources    what reads: Postgres, HTTP APIs
lake       the object store, the commit log, batches and files
run        one ingestion, from its opening to its last commit
verify     a whole source table against the lake
cli        the `ingest` command
"""
