"""Programs beside the flow.

server       Prefect's server, with the block for alerts (alert_webhook), which notifications uses
api          the configured Prefect API, or else the ephemeral one, whose tables migration makes
agent        the agent of the queues platform and maintenance; janitor and catch_up run beside it
maintenance  the flow that cleans up; freshness judges how old streams are
"""
