"""A commit without files: what a replay and gc write to the log."""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.contracts.model import StreamContract
from ingest.lake.batch import BatchOrigin
from ingest.lake.commit import Commit, CommitKind, Counts, unmoved


def empty_commit(
    contract: StreamContract, parent: Commit | None, *, kind: CommitKind, run_id: str, replay_from: int | None = None
) -> Commit:
    """The version after `parent`: it has no file, and changes nothing that the log records of the stream."""
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
        replay_from=replay_from,
        columns=parent.columns if parent else {},
        extracted_at=origin.extracted_at,
        committed_at=origin.extracted_at,
    )
