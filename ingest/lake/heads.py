"""Where the logs of several streams are."""

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
    """The newest commit of each stream, None for an empty log; for a stream whose log is `damaged`, the error."""

    commits: dict[str, Commit | None]
    damaged: dict[str, DamagedLakeError]

    def version(self, stream: str) -> int:
        """The newest version of a stream, 0 for an empty log or a damaged one."""
        head = self.commits.get(stream)
        return head.version if head else 0


def read_heads(store: ObjectStore, contracts: Sequence[StreamContract]) -> Heads:
    """The heads of the logs. A damaged log stops only its own stream.

    Raises ConfigurationError for no stream, and what the lake raises where it cannot be read.
    """
    if not contracts:
        raise ConfigurationError("no stream was named")
    found = apart(contracts, lambda each: (each.stream, CommitLog(store, each.stream).head()), at_once=_AT_ONCE)
    return Heads(commits=dict(found.results), damaged={str(error.stream): error for error in found.errors})
