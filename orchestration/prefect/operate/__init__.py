"""Programs beside the flow.

server       Prefect's server, with the alerts' block; alert_webhook is that block, notifications use it
api          the configured Prefect API, else the ephemeral one, of which migration makes the tables
agent        the agent of the platform's and the maintenance's queue; beside it janitor and catch_up
maintenance  the flow that keeps house; freshness judges how old streams are
"""
