"""Several streams of one run at once; a stream that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ingest.errors import PlatformError
from ingest.run.context import StreamResult
from ingest.run.runner import IngestRun


@dataclass(frozen=True)
class Outcome:
    """A stream's result, or the error that ended it."""

    stream: str
    result: StreamResult | None = None
    error: PlatformError | None = None


def ingest_all(run: IngestRun, *, concurrency: int, keys: bool) -> list[Outcome]:
    """Land every stream of `run`, `concurrency` at a time."""
    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="ingest") as pool:
        return list(
            pool.map(lambda stream: attempt(stream, lambda: run.ingest(stream, keys=keys, count=False)), run.streams)
        )


def attempt(stream: str, work: Callable[[], StreamResult]) -> Outcome:
    """`work`'s result or its PlatformError; anything else is a bug and is raised."""
    try:
        return Outcome(stream, result=work())
    except PlatformError as error:
        return Outcome(stream, error=error)
