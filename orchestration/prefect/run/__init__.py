"""One run of the flow.

parameters  the parameters of a run
services    the settings and connections that its steps share
steps       ingest, load, build, reconcile, publish: each over the tasks of its streams or nodes
tasks       one stream's ingestion, one stream's load
ingestion, dispatch  land streams in this process, or hand them out to workers
dbt_nodes   a task run for each dbt node, live
task_retries, stopping, endings  retries, the handling of stop signals, and final states
"""
