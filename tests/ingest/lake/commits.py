"""Commits to append in tests of the log."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from ingest.lake.commit import Commit, CommitKind, Counts, Watermark

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def commit_of(stream: str, version: int, *, batch_id: str | None = None) -> Commit:
    """Return an empty commit with an identity of its own."""
    return Commit(
        stream=stream,
        version=version,
        kind=CommitKind.DATA,
        batch_id=batch_id or uuid.uuid4().hex,
        run_id="test",
        contract_version="1.0.0",
        contract_sha256="0" * 64,
        window=None,
        watermark=Watermark(before=None, after=MOMENT),
        files=(),
        counts=Counts(read=0, landed=0, quarantined=0),
        extracted_at=MOMENT,
        committed_at=MOMENT,
    )
