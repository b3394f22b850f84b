"""Refused records and their state, derived from the log. A commit names the records that it settled.

A record is open until a retry settles it or a later version replaces it. Three versions replace a record: one that
refused the same key again, one that read its range of time again if the record shows no key, and a newer snapshot.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pyarrow as pa

from ingest.contracts.model import Mode, Source, StreamContract
from ingest.lake.batch import Batch
from ingest.lake.commit import KEYS_ALONE, Commit, CommitKind, DataFile, Settled, unmoved
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.lake.read_again import UnnamedRecord, read_again
from ingest.run.context import IngestionContext


@dataclass(frozen=True)
class RefusedRecord:
    """A record in quarantine, byte for byte. `version` and `position` identify it within its stream.

    `settled_by` is the version that settled or replaced it, None while it is open.
    """

    version: int
    position: int
    reason: str
    key: str | None
    record: bytes
    refused_at: datetime
    settled_by: int | None

    @property
    def is_open(self) -> bool:
        """Whether the record is still missing in the lake."""
        return self.settled_by is None


@dataclass(frozen=True)
class Refusal:
    """What says whether a refused record is open, and why it was refused. `content` is the same for equal records.

    `after` and `before` are the readable cursors around it (see `UnnamedRecord`).
    """

    version: int
    position: int
    reason: str
    key: str | None
    content: str
    after: datetime | None
    before: datetime | None

    @property
    def place(self) -> tuple[int, int]:
        """Its version and position, which identify it within its stream."""
        return self.version, self.position


def settled_by(
    contract: StreamContract, commits: Sequence[Commit], refusals: Sequence[Refusal]
) -> dict[tuple[int, int], int]:
    """Return the version that settled or replaced each record that is not open, by the record's place.

    `commits` are all commits of the stream that read a window, settled records, or are snapshots, in order.
    """
    settled = {
        (item.version, position): commit.version
        for commit in commits
        for item in commit.settles
        for position in item.positions
    }
    if contract.spec.source is Source.SAAS:
        settled = read_again(commits, [_unnamed(each) for each in refusals if each.key is None]) | settled
    snapshots = (commit.version for commit in commits if commit.kind is CommitKind.SNAPSHOT)
    replaced = max(snapshots, default=0) if contract.spec.mode is Mode.SNAPSHOT else 0
    newest = {each.key: each.version for each in sorted(refusals, key=lambda each: each.place)}
    for each in refusals:
        if replaced > each.version:
            settled.setdefault(each.place, replaced)
        elif each.key is not None and newest[each.key] > each.version:
            settled.setdefault(each.place, newest[each.key])
    return settled


def refusals_in(store: ObjectStore, commit: Commit) -> Iterator[tuple[Refusal, bytes]]:
    """Yield the records that a commit refused, each with its bytes. Raises FatalError, TransientError."""
    for file in commit.quarantine:
        for row in read_columns(store, file).to_pylist():
            refusal = Refusal(
                version=commit.version,
                position=row["position"],
                reason=row["reason"],
                key=row["key"],
                content=sha256(row["record"]).hexdigest(),
                after=row.get("cursor_after"),
                before=row.get("cursor_before"),
            )
            yield refusal, row["record"]


class Quarantine:
    """The refused records of one stream, as of its newest version."""

    def __init__(self, store: ObjectStore, contract: StreamContract) -> None:
        self._store = store
        self._contract = contract
        self.commits = CommitLog(store, contract.stream).whole()

    def records(self) -> list[RefusedRecord]:
        """Return all refused records, in the order of version and position."""
        found = [(commit, *pair) for commit in self.commits for pair in refusals_in(self._store, commit)]
        settled = settled_by(self._contract, self.commits, [refusal for _, refusal, _ in found])
        records = [
            RefusedRecord(
                version=refusal.version,
                position=refusal.position,
                reason=refusal.reason,
                key=refusal.key,
                record=record,
                refused_at=commit.extracted_at,
                settled_by=settled.get(refusal.place),
            )
            for commit, refusal, record in found
        ]
        return sorted(records, key=lambda each: (each.version, each.position))

    def open(self) -> list[RefusedRecord]:
        """Return the refused records that are still missing in the lake."""
        return [record for record in self.records() if record.is_open]


def may_change_quarantine(commit: Commit, before: Commit | None, contract: StreamContract) -> bool:
    """Return whether a commit, which came after `before`, may have refused, settled or replaced a record.

    A commit that only continues where the log ended does none of this: then quarantine is unchanged and need not be
    read.
    """
    if commit.quarantine or commit.counts.quarantined or commit.settles:
        return True
    if commit.kind in KEYS_ALONE:
        return False
    if commit.kind is not CommitKind.DATA:
        return True
    return contract.spec.source is Source.SAAS and not _only_goes_on(commit, before)


def _only_goes_on(commit: Commit, before: Commit | None) -> bool:
    """Return whether the commit was the first to read a window that begins at the watermark, from its start to
    its end.
    """
    window, walk = commit.window, commit.walk
    if window is None or walk is None or (before is not None and before.watermark.resume is not None):
        return False
    return (window.start, walk.first, walk.reached) == (commit.watermark.before, commit.version, window.end)


def read_columns(store: ObjectStore, file: DataFile, columns: Sequence[str] | None = None) -> pa.Table:
    """Return columns (default: all) of a file of the lake, after a check of its checksum.

    Raises FatalError, TransientError.
    """
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        path = Path(folder) / "file.parquet"
        store.download(file.key, path, file.sha256)
        return pq.read_table(path, columns=None if columns is None else list(columns), memory_map=False)


def settling_batch(context: IngestionContext, contract: StreamContract, columns: pa.Schema) -> Batch:
    """Return a batch for refused records that fit now. Like a backfill, it does not move the watermark."""
    return Batch(
        context.store,
        contract,
        context.origin(contract.stream),
        kind=CommitKind.BACKFILL,
        columns=columns,
        target_file_bytes=context.settings.target_file_bytes,
    )


def settle(context: IngestionContext, contract: StreamContract, batch: Batch, records: Sequence[RefusedRecord]) -> None:
    """Commit the batch as the commit that settles `records`. Raises ConflictError if another writer committed first."""
    watermark = unmoved(context.heads[contract.stream])
    context.committed(batch.commit(window=None, watermark=watermark, settles=_settled(records)))


def _unnamed(refusal: Refusal) -> UnnamedRecord:
    return UnnamedRecord(refusal.version, refusal.position, refusal.content, refusal.after, refusal.before)


def _settled(records: Sequence[RefusedRecord]) -> tuple[Settled, ...]:
    versions = sorted({record.version for record in records})
    return tuple(
        Settled(version=version, positions=tuple(item.position for item in records if item.version == version))
        for version in versions
    )
