"""Names in Prefect: the work pool, its queues, the flows and their deployments."""

WORK_POOL = "dp-mailblaze-demo-dev"

PLATFORM_QUEUE = "platform"
"""Runs that write the warehouse, one at a time."""
INGEST_QUEUE = "ingest"
"""Streams, as many at once as there are workers with a free slot."""
MAINTENANCE_QUEUE = "maintenance"
"""What must go on while the platform's queue is held up."""

PLATFORM_FLOW = "dp-maiblaze-demo-dev-flow"
"""Spelt so in the product's documents."""
STREAM_FLOW = "dp-mailblaze-demo-dev-ingest"
MAINTENANCE_FLOW = "dp-mailblaze-demo-dev-maintenance"
VERIFY_FLOW = "dp-mailblaze-demo-dev-verify"

STREAM_DEPLOYMENT = "stream"
"""The deployment of STREAM_FLOW; INGEST_DEPLOYMENT names it as `flow/deployment`."""
