"""Replay: a commit without files that tells every loader to load versions again."""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.batch import BatchOrigin
from ingest.context import unmoved
from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError
from ingest.lake.commit import Commit, CommitKind, Counts
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
    origin = BatchOrigin(run_id, head, datetime.now(UTC))
    commit = Commit(
        stream=contract.stream,
        version=origin.version,
        kind=CommitKind.REPLAY,
        batch_id=origin.batch_id,
        run_id=run_id,
        contract_version=contract.version,
        contract_sha256=contract.sha256,
        window=None,
        watermark=unmoved(head),
        files=(),
        counts=Counts(read=0, landed=0, quarantined=0),
        full_set=head.full_set,
        replay_from=from_version,
        columns=head.columns,
        extracted_at=origin.extracted_at,
        committed_at=origin.extracted_at,
    )
    log.append(commit)
    return commit
