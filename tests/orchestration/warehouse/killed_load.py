"""A load of the stream `things` that dies by SIGKILL at a named step of its transaction.

python -m tests.orchestration.warehouse.killed_load DIRECTORY copy|record|commit
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.warehouse.duckdb.session import DuckDBSession
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.ledger import Ledger
from orchestration.warehouse.loader import Loader
from tests.orchestration.lake_builder import contract


def main(directory: Path, step: str) -> None:
    """Load, and die."""
    execute = DuckDBSession.execute

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def die_at_commit(self: DuckDBSession, sql: str, parameters: tuple[object, ...] = ()) -> int:
        if sql == "COMMIT":
            die()
        return execute(self, sql, parameters)

    places: dict[str, Callable[[], None]] = {
        "copy": lambda: setattr(DuckDBSession, "copy", die),
        "record": lambda: setattr(Ledger, "record", die),
        "commit": lambda: setattr(DuckDBSession, "execute", die_at_commit),
    }
    lake = LakeSettings()
    places[step]()
    with DuckDBWarehouse(directory, "DP_MAILBLAZE_DEMO_DEV_DB", lake).connect() as session:
        Loader(ObjectStore(lake), "RAW", run_id="killed").load(session, contract())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
