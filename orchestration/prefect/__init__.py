"""The flow, its tasks, and what they show in Prefect's UI. Nothing imports this package but its callers.

flow     the flow `dp-maiblaze-demo-dev-flow`; command is its command line
run      what a run does, step by step
show     what a run shows: artifacts, tables, logs
deploy   what is registered with a server: python -m orchestration.prefect.deploy.deploy, and the flow's --deploy
operate  the server, the agent, house-keeping and alerts
"""
