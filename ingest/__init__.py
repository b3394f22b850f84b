"""Sources to lake: bounded extraction windows, committed to S3 exactly once.

Knows nothing of Prefect, dbt or any warehouse. Start reading at `ingest.pipeline`.
"""
