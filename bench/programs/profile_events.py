"""Measures the CPU time of landing the event list, by stage.

    python -m bench.programs.profile_events RESULT.json    the settings of `ingest` in the environment

It counts CPU seconds of the calling threads, so that waiting and the work of other threads are left out.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ingest.__main__  # noqa: F401 - allocator and collector are then those of the command
from ingest.contracts.registry import ContractRegistry
from ingest.lake.batch import Batch
from ingest.logs import run_id_now
from ingest.run.runner import open_ingestion
from ingest.settings import IngestSettings
from ingest.sources.api.http import ApiClient
from ingest.sources.api.records import RecordDecoder
from ingest.sources.api.saas import SaasStream

STREAM = "email_events"


class Stages:
    """CPU seconds by stage. A stage inside another one counts only for itself."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = threading.local()

    def watch(self, owner: type, method: str, stage: str) -> None:
        """Count the time in `owner.method` for `stage`."""
        original: Callable[..., Any] = getattr(owner, method)

        def watched(*arguments: Any, **options: Any) -> Any:
            outer, self._inner.spent = getattr(self._inner, "spent", 0.0), 0.0
            started = time.thread_time()
            try:
                return original(*arguments, **options)
            finally:
                took = time.thread_time() - started
                self.seconds[stage] = self.seconds.get(stage, 0.0) + took - self._inner.spent
                self._inner.spent = outer + took

        setattr(owner, method, watched)


def main(result: Path) -> None:
    """Land the stream and write the seconds of each stage."""
    stages = Stages()
    stages.watch(ApiClient, "get", "fetching pages")
    stages.watch(SaasStream, "_page", "cutting pages into records")
    stages.watch(RecordDecoder, "decode", "checking records, typing the envelope")
    stages.watch(Batch, "write", "handing rows to the writer")
    stages.watch(Batch, "commit", "waiting for files, committing")
    started = time.process_time()
    stages.seconds["start-up: interpreter and imports"] = started
    settings = IngestSettings.load()
    with open_ingestion(settings, [ContractRegistry.load()[STREAM]], run_id_now()) as ingestion:
        ingestion.ingest(STREAM, keys=False, count=False)
    total = time.process_time()
    stages.seconds["the rest: settings, S3 client, Parquet, uploads"] = total - sum(stages.seconds.values())
    result.write_text(json.dumps(stages.seconds))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
