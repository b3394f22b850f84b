"""The flow, its tasks, and what they show in Prefect's UI. Nothing imports this package but its callers.

flow        the flow `dp-maiblaze-demo-dev-flow`, and its command line
parameters  what a run can be asked for
steps       ingest, load, build, reconcile, publish: each over the tasks of its streams or nodes
tasks       one stream's ingestion, one stream's load
dbt_nodes   a task run for each dbt node, live
artifacts   the summary and the tables of a run

deploy      registers everything with a server: python -m orchestration.prefect.deploy, and the flow's --deploy
deployments, forms, registration, notifications, alert_webhook: what is registered
follow      a run on its agent, followed from the terminal
agent       the agent of the platform's and the maintenance's queue; beside it janitor and catch_up
maintenance the flow that keeps house; freshness judges how old streams are
server      Prefect's server, with the alerts' block

api         the configured Prefect API, else the ephemeral one
run_logs    an expected error is one line in the log, not a traceback
"""
