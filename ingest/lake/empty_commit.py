"""Commits without files: replays, which make every loader load versions again, and the commits that gc writes."""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError
from ingest.lake.batch import BatchOrigin
from ingest.lake.commit import Commit, CommitKind, Counts, unmoved
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore


def empty_commit(
    contract: StreamContract, parent: Commit | None, *, kind: CommitKind, run_id: str, replay_from: int | None = None
) -> Commit:
    """Return the version after `parent`. It has no file, and changes nothing that the log records of the stream."""
    origin = BatchOrigin(run_id, parent, datetime.now(UTC))
    return Commit(
        stream=contract.stream,
        version=origin.version,
        kind=kind,
        batch_id=origin.batch_id,
        run_id=run_id,
        contract_version=contract.version,
        contract_sha256=contract.sha256,
        window=None,
        watermark=unmoved(parent),
        files=(),
        counts=Counts(read=0, landed=0, quarantined=0),
        full_set=parent.full_set if parent else None,
        key_set=parent.key_set if parent else None,
        replay_from=replay_from,
        columns=parent.columns if parent else {},
        extracted_at=origin.extracted_at,
        committed_at=origin.extracted_at,
    )


def append_replay(store: ObjectStore, contract: StreamContract, *, from_version: int, run_id: str) -> Commit:
    """Append a commit that makes loaders load `from_version` and all later versions again.

    Raises ConfigurationError, ConflictError.
    """
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
