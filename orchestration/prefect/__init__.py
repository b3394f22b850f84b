"""The flow, its tasks, and their output in Prefect's UI. Only entry points import this package.

flow     the flow `dp-maiblaze-demo-dev-flow`; command is its command line
run      the steps of a run
show     the output of a run: artifacts, tables, logs
deploy   registration with a server: python -m orchestration.prefect.deploy.deploy, and the flow's --deploy
operate  the server, the agent, maintenance and alerts
"""
