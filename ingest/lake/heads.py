"""The heads of the logs of several streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.apart import apart
from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError, DamagedLakeError
from ingest.lake.commit import Commit
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore

_AT_ONCE = 16


@dataclass(frozen=True)
class Heads:
    """The newest commit of each stream, None for an empty log. `damaged` holds the error of each stream with a damaged
    log.
    """

    commits: dict[str, Commit | None]
    damaged: dict[str, DamagedLakeError]

    def version(self, stream: str) -> int:
        """Return the newest version of a stream, 0 for an empty log or a damaged one."""
        head = self.commits.get(stream)
        return head.version if head else 0


def read_heads(store: ObjectStore, contracts: Sequence[StreamContract]) -> Heads:
    """Return the heads of the logs. A damaged log stops only its own stream.

    Raises ConfigurationError if there is no stream, and the object store's errors if the lake cannot be read.
    """
    if not contracts:
        raise ConfigurationError("no stream was named")
    found = apart(contracts, lambda each: (each.stream, CommitLog(store, each.stream).head()), at_once=_AT_ONCE)
    return Heads(commits=dict(found.results), damaged={str(error.stream): error for error in found.errors})
