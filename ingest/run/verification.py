"""Verifies one stream within an ingestion: compares it, and lands the differences if a repair is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from ingest.contracts.model import StreamContract
from ingest.lake.commit import Commit, unmoved, watermark_of
from ingest.run.context import IngestionContext
from ingest.run.quarantine import settling_batch
from ingest.verify.lake_rows import commits_up_to
from ingest.verify.report import Verification
from ingest.verify.sources import SourceRows
from ingest.verify.verifier import Compared, compared

Repair = Callable[[Compared], None]
"""Lands what was found to differ."""


def verify(
    context: IngestionContext, contract: StreamContract, source: Callable[[], SourceRows], repair: Repair | None
) -> Verification:
    """Compare `source` with the lake as this ingestion knows it. `repair` lands the differences.

    Raises errors of the source and of the lake, and ConflictError if another writer committed before the repair.
    """
    started = monotonic()
    head = context.heads[contract.stream]
    if head is None or _is_unfinished(contract, head):
        return Verification(
            contract.stream, note="nothing was landed to its end yet", version=head.version if head else 0
        )
    commits = commits_up_to(context.store, head)
    memory = context.settings.verify_memory_limit
    with compared(context.store, contract, commits, source(), memory_limit=memory) as found:
        verification = found.verification
        if repair is not None and verification.differs:
            known = len(context.result(contract.stream).commits)
            repair(found)
            landed = context.result(contract.stream).commits[known:]
            verification = replace(verification, landed=tuple(commit.version for commit in landed))
    return replace(verification, seconds=monotonic() - started)


def land_found(context: IngestionContext, contract: StreamContract, found: Compared) -> None:
    """Land the changed and missing rows in a commit that, like a backfill, does not move the watermark."""
    with settling_batch(context, contract, found.schema) as batch:
        for rows in found.rows_to_land():
            batch.write(rows)
        if batch.read:
            context.committed(batch.commit(window=None, watermark=unmoved(context.heads[contract.stream])))


def _is_unfinished(contract: StreamContract, head: Commit) -> bool:
    """Return whether an incremental stream has no watermark yet, because its first window is not read to its end."""
    return contract.spec.cursor is not None and watermark_of(head) is None
