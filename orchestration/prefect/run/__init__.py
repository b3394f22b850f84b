"""One run of the flow.

parameters  what a run can be asked for
services    what its steps are given
steps       ingest, load, build, reconcile, publish: each over the tasks of its streams or nodes
tasks       one stream's ingestion, one stream's load
ingestion, dispatch  streams landed here, or handed out to workers
dbt_nodes   a task run for each dbt node, live
task_retries, stopping, endings  what happens when something fails, or somebody stops it
"""
