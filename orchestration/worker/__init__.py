"""The containerised ingest worker: a Prefect agent that lands one stream at a time, as other flow runs ask it to.

It imports `ingest` and the Prefect client, and neither a warehouse nor dbt: its image has neither.

names         what the work pool, its queues, the flows and their deployments are called
stream_flow   the flow that lands one stream
handoff       how a stream's outcome gets back to the run that asked for it: through the lake
heartbeat     the sign of life of every run of ours
agent         polls queues, and runs what it finds; warm forks its processes; health shows that it polls
pool          the work pool and its queues
endings       ends runs whose process is gone
"""
