"""`python -m tests.snowflake.killed_load STREAM`: loads a stream by the environment's settings, and is killed."""

from __future__ import annotations

import sys

from ingest.lake.objects.store import ObjectStore
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.connect import snowflake_warehouse
from orchestration.warehouse.loader import Loader
from tests.orchestration.lake_builder import contract


def main(stream: str) -> None:
    """Load."""
    settings = OrchestrationSettings()
    with snowflake_warehouse(settings, run_id="killed").connect() as session:
        Loader(ObjectStore(settings.lake), "RAW", run_id="killed").load(
            session, contract(stream=stream, deletes="none")
        )


if __name__ == "__main__":
    main(sys.argv[1])
