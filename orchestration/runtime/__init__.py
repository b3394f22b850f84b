"""Shared by every Prefect process of ours, whether it runs the flow or lands a stream.

It imports the Prefect client alone: the ingest worker's image has neither a warehouse nor dbt.

names      what the work pool, its queues, the flows and their deployments are called
pool       the work pool and its queues
agent      polls queues, and runs what it finds; warm forks its processes; health shows that it polls
told       what a process tells that server: no secret, nothing that steers a terminal
heartbeat  the sign of life of every run of ours; silence judges whose run is stale; endings ends those
patience   how long a run waits for Prefect's API
client     a client of that API; certificates are read once by each process
"""
