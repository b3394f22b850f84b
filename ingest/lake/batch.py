"""One batch on its way into the lake: data files, quarantined records, and the commit that makes both visible."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import pyarrow as pa

from ingest.contracts.model import Source, StreamContract
from ingest.errors import QuarantineRatioError
from ingest.lake import layout
from ingest.lake.commit import (
    KEYS_ALONE,
    Commit,
    CommitKind,
    Counts,
    FullSetMark,
    KeySetMark,
    Settled,
    Walk,
    Watermark,
    Window,
    columns_of,
)
from ingest.lake.files.digest import RowsDigest
from ingest.lake.files.writer import FilePlace, ParquetFiles
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore

QUARANTINE_SCHEMA = pa.schema(
    [
        ("reason", pa.string()),
        ("position", pa.int64()),
        ("key", pa.string()),
        ("record", pa.binary()),
        ("_batch_id", pa.string()),
        ("_log_version", pa.int64()),
        ("_extracted_at", pa.timestamp("us", tz="UTC")),
        ("cursor_after", pa.timestamp("us", tz="UTC")),
        ("cursor_before", pa.timestamp("us", tz="UTC")),
    ]
)
"""Files of older releases lack the last two."""


@dataclass(frozen=True)
class QuarantinedRecord:
    """A record that breaks its contract, byte for byte. `position` counts from 1 in the order of reading.

    `cursor_after` and `cursor_before` are the readable cursors between which the record was read. Both are its own
    cursor if it shows one. Either is None if no readable cursor came on that side.
    """

    reason: str
    position: int
    key: str | None
    record: bytes
    cursor_after: datetime | None = None
    cursor_before: datetime | None = None


@dataclass(frozen=True)
class BatchOrigin:
    """The run that writes the batch, and the version that the batch builds upon (0 for an empty log)."""

    run_id: str
    parent: Commit | None
    extracted_at: datetime
    batch_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def version(self) -> int:
        """The version number that the batch will have if it is committed."""
        return self.parent.version + 1 if self.parent else 1


class Batch:
    """Collects rows and refused records, then becomes one commit or leaves nothing visible.

    `columns` are the files' columns without the platform's own four. Use as a context manager.
    """

    def __init__(
        self,
        store: ObjectStore,
        contract: StreamContract,
        origin: BatchOrigin,
        *,
        kind: CommitKind,
        columns: pa.Schema,
        target_file_bytes: int,
    ) -> None:
        self._log = CommitLog(store, contract.stream)
        self._contract = contract
        self._origin = origin
        self._kind = kind
        self._schema = _with_meta(columns)
        cursor = contract.spec.cursor if contract.spec.cursor in columns.names else None
        place = FilePlace(contract.spec.prefix, contract.stream, origin.version, origin.extracted_at, cursor)
        self._files = ParquetFiles(store, place, self._schema, target_bytes=target_file_bytes, hold=self._is_full_set)
        refused_place = FilePlace(layout.QUARANTINE, contract.stream, origin.version, origin.extracted_at)
        self._refused_files = ParquetFiles(
            store, refused_place, QUARANTINE_SCHEMA, target_bytes=target_file_bytes, hold=self._is_full_set
        )
        self._keys = self._key_files(store, columns, target_file_bytes)
        self._digest = RowsDigest()
        self._first_reason: str | None = None
        self.landed = 0
        self.quarantined = 0
        self.raw_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.__exit__()
        self._refused_files.__exit__()
        if self._keys is not None:
            self._keys.__exit__()

    @property
    def _columns(self) -> dict[str, str]:
        """The stream's columns as of this commit. A batch of deletions has only the key's columns."""
        columns = columns_of(self._contract)
        parent = self._origin.parent
        if self._kind not in KEYS_ALONE or parent is None:
            return columns
        return parent.columns and parent.columns | {name: columns[name] for name in self._contract.key}

    @property
    def _is_full_set(self) -> bool:
        return self._kind is CommitKind.SNAPSHOT

    @property
    def version(self) -> int:
        """The version number that the batch will have if it is committed."""
        return self._origin.version

    @property
    def read(self) -> int:
        """Records read so far."""
        return self.landed + self.quarantined

    @property
    def digest(self) -> str:
        """A digest of the rows and the refused records so far, in their order."""
        return self._digest.hexdigest()

    def write(self, rows: pa.RecordBatch) -> None:
        """Add rows that keep the contract."""
        if self._is_full_set:
            self._digest.update(rows)
        self._files.write(self._stamp(rows))
        if self._keys is not None:
            self._keys.write(rows.select(list(self._contract.key)))
        self.landed += rows.num_rows
        self.raw_bytes += rows.nbytes

    def refuse(self, records: list[QuarantinedRecord]) -> None:
        """Add records that break the contract."""
        if not records:
            return
        self._first_reason = self._first_reason or records[0].reason
        self.quarantined += len(records)
        meta = (self._origin.batch_id, self._origin.version, self._origin.extracted_at)
        columns = zip(
            *(
                (item.reason, item.position, item.key, item.record, *meta, item.cursor_after, item.cursor_before)
                for item in records
            ),
            strict=True,
        )
        arrays = [pa.array(values, type=f.type) for values, f in zip(columns, QUARANTINE_SCHEMA, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=QUARANTINE_SCHEMA)
        if self._is_full_set:
            self._digest.update(batch.select(["reason", "key", "record"]))
        self._refused_files.write(batch)

    def commit(
        self,
        *,
        window: Window | None,
        watermark: Watermark,
        settles: tuple[Settled, ...] = (),
        walk: Walk | None = None,
        key_set: KeySetMark | None = None,
    ) -> Commit:
        """Make all files durable, then append the commit.

        `settles` are quarantined records that this commit resolves. `key_set` is a newer set of all keys. Raises
        QuarantineRatioError if too many records were refused, and ConflictError if another writer committed first. In
        both cases the files are orphans, which nobody reads.
        """
        self._check_ratio()
        parent = self._origin.parent
        full_set = parent.full_set if parent else None
        if self._is_full_set:
            full_set = FullSetMark(version=self._origin.version, digest=self.digest)
        commit = Commit(
            stream=self._contract.stream,
            version=self._origin.version,
            kind=self._kind,
            batch_id=self._origin.batch_id,
            run_id=self._origin.run_id,
            contract_version=self._contract.version,
            contract_sha256=self._contract.sha256,
            window=window,
            watermark=watermark,
            files=self._files.finish(),
            counts=Counts(read=self.read, landed=self.landed, quarantined=self.quarantined),
            quarantine=self._refused_files.finish(),
            full_set=full_set,
            landed_keys=self._keys.finish() if self._keys is not None else (),
            # A snapshot begins anew: rows landed before it no longer count.
            key_set=key_set or (parent.key_set if parent and not self._is_full_set else None),
            columns=self._columns,
            settles=settles,
            walk=walk,
            extracted_at=self._origin.extracted_at,
            committed_at=datetime.now(UTC),
        )
        self._log.append(commit)
        return commit

    def _key_files(self, store: ObjectStore, columns: pa.Schema, target_bytes: int) -> ParquetFiles | None:
        """Return a writer of the rows' keys, if a later keys pass will ask which keys were landed since the previous
        pass.
        """
        if not self._contract.lands_keys or self._kind in KEYS_ALONE:
            return None
        place = FilePlace(layout.KEYS, self._contract.stream, self._origin.version, self._origin.extracted_at)
        schema = pa.schema([columns.field(name) for name in self._contract.key])
        return ParquetFiles(store, place, schema, target_bytes=target_bytes)

    def _check_ratio(self) -> None:
        spec = self._contract.spec
        # A share means nothing in a small batch: one record of twenty is 5 %.
        if self.quarantined > spec.quarantine_allowance and self.quarantined / self.read > spec.max_quarantine_ratio:
            raise QuarantineRatioError(
                f"{self.quarantined} of {self.read} records break the contract, more than maxQuarantineRatio "
                f"{spec.max_quarantine_ratio:g} allows; the batch was refused whole. The first: {self._first_reason}",
                stream=self._contract.stream,
                hint=self._way_out(),
            )

    def _way_out(self) -> str:
        """Return the hint for a refused batch. A column's type may still change until its first row is landed."""
        kept = f"let such rows go to quarantine (maxQuarantineRatio), and `ingest run --stream {self._contract.stream}`"
        if self._contract.spec.source is not Source.POSTGRES:
            return f"Correct the source or the contract, or {kept}."
        if self._origin.parent is None:
            return f"Correct the source, land the column as text (`landAs: text` on it), or {kept}."
        return (
            f"Correct the source, or {kept}; to land the column as text (`landAs: text`) takes a contract of another "
            "name."
        )

    def _stamp(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        count = rows.num_rows
        meta = [
            pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), count), [self._origin.batch_id]),
            pa.repeat(pa.scalar(self._origin.version, pa.int64()), count),
            pa.arange(self.landed + 1, self.landed + count + 1),
            pa.repeat(pa.scalar(self._origin.extracted_at, pa.timestamp("us", tz="UTC")), count),
        ]
        return pa.RecordBatch.from_arrays([*rows.columns, *meta], schema=self._schema)


def _with_meta(columns: pa.Schema) -> pa.Schema:
    return pa.schema(
        [
            *columns,
            pa.field("_batch_id", pa.dictionary(pa.int32(), pa.string())),  # the same value in every row
            pa.field("_log_version", pa.int64()),
            pa.field("_row_number", pa.int64()),
            pa.field("_extracted_at", pa.timestamp("us", tz="UTC")),
        ]
    )
