"""Replay: a commit without files, upon which every loader loads versions again."""

from __future__ import annotations

from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError
from ingest.lake.commit import Commit, CommitKind
from ingest.lake.empty_commit import empty_commit
from ingest.lake.log import CommitLog
from ingest.lake.store import ObjectStore


def append_replay(store: ObjectStore, contract: StreamContract, *, from_version: int, run_id: str) -> Commit:
    """Ask for versions `from_version` and above to be loaded again. Raises ConfigurationError, ConflictError."""
    log = CommitLog(store, contract.stream)
    head = log.head()
    if head is None or not 1 <= from_version <= head.version:
        newest = head.version if head else 0
        raise ConfigurationError(
            f"there is no version {from_version}; the log goes from 1 to {newest}", stream=contract.stream
        )
    commit = empty_commit(contract, head, kind=CommitKind.REPLAY, run_id=run_id, replay_from=from_version)
    log.append(commit)
    return commit
