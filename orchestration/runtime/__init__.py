"""Code of all our Prefect processes, whether they run the flow or land a stream.

It imports only the Prefect client: the ingest worker's image has neither a warehouse nor dbt.

names      the names of the work pool, its queues, the flows and their deployments
pool       the work pool and its queues
agent      polls queues and runs their flow runs; warm forks its processes; health checks that it polls
told       keeps secrets and terminal control sequences out of requests to the server
heartbeat  the sign of life of each of our runs; silence finds stale runs; endings ends them
lost_signals  stops a process although Python dropped what its stop signal raised
patience   how long a run waits for Prefect's API
client     a client of that API; certificates are read once by each process
"""
