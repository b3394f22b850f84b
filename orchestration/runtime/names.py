"""Names in Prefect: the work pool, its queues, the flows and their deployments."""

from collections.abc import Mapping

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

SCHEMA_CHANGED = f"{WORK_POOL}.schema-changed"
"""The event of a difference between a stream's contract and its source, when it is new."""
SCHEMA_CHANGED_RESOURCE = f"{WORK_POOL}.stream"
"""What the event is of: with the stream's name behind it."""

STREAM_DEPLOYMENT = "stream"
"""The deployment of STREAM_FLOW; INGEST_DEPLOYMENT names it as `flow/deployment`."""
VERIFY_DEPLOYMENT = "verify"
MAINTENANCE_DEPLOYMENT = "maintenance"
FULL = "full"
INCREMENTAL = "incremental"
BACKFILL = "backfill"
KEYS = "keys"

PLATFORM_ENTRYPOINT = "orchestration/prefect/flow.py:dp_maiblaze_demo_dev_flow"
STREAM_ENTRYPOINT = "orchestration/worker/stream_flow.py:land_stream"
MAINTENANCE_ENTRYPOINT = "orchestration/prefect/operate/maintenance.py:maintain"
VERIFY_ENTRYPOINT = "orchestration/worker/verify_flow.py:verify_streams"

ENTRYPOINTS: Mapping[str, Mapping[str, str]] = {
    PLATFORM_QUEUE: {f"{PLATFORM_FLOW}/{name}": PLATFORM_ENTRYPOINT for name in (FULL, INCREMENTAL, BACKFILL, KEYS)},
    MAINTENANCE_QUEUE: {f"{MAINTENANCE_FLOW}/{MAINTENANCE_DEPLOYMENT}": MAINTENANCE_ENTRYPOINT},
    INGEST_QUEUE: {
        f"{STREAM_FLOW}/{STREAM_DEPLOYMENT}": STREAM_ENTRYPOINT,
        f"{VERIFY_FLOW}/{VERIFY_DEPLOYMENT}": VERIFY_ENTRYPOINT,
    },
}
"""What an agent runs from each queue: entrypoints by the full names of deployments. It takes no other."""
