"""What an agent has to know of the tests' flows to run them, without importing them: that takes seconds."""

from orchestration.runtime.names import INGEST_QUEUE, MAINTENANCE_QUEUE, PLATFORM_QUEUE

ENTRYPOINTS = {
    f"test-{function}/test": f"tests/orchestration/prefect/flows.py:{function}" for function in ("sleeper", "failing")
}
BY_QUEUE = dict.fromkeys((PLATFORM_QUEUE, INGEST_QUEUE, MAINTENANCE_QUEUE), ENTRYPOINTS)
