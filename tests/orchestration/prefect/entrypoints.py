"""The entrypoints of the tests' flows, for agents, which need not import the flows: that takes seconds."""

from orchestration.runtime.names import INGEST_QUEUE, MAINTENANCE_QUEUE, PLATFORM_QUEUE

ENTRYPOINTS = {
    f"test-{function}/test": f"tests/orchestration/prefect/flows.py:{function}" for function in ("sleeper", "failing")
}
BY_QUEUE = dict.fromkeys((PLATFORM_QUEUE, INGEST_QUEUE, MAINTENANCE_QUEUE), ENTRYPOINTS)
