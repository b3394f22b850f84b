"""The flow, its tasks, and what they show in Prefect's UI. Nothing imports this package but its callers.

flow        the flow `dp-maiblaze-demo-dev-flow`, and its command line
parameters  what a run can be asked for
steps       ingest, load, build, reconcile, publish: each over the tasks of its streams or nodes
tasks       one stream's ingestion, one stream's load
dbt_nodes   a task run for each dbt node, live
artifacts   the summary and the tables of a run
api         the configured Prefect API, else the ephemeral one
run_logs    an expected error is one line in the log, not a traceback
"""
