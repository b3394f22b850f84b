"""The lake of the shop in tests/dbt, written by ingest's own batches and commit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from ingest.contracts.model import Column, StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.contracts.types import LandingType
from ingest.lake.batch import Batch, BatchOrigin
from ingest.lake.commit import CommitKind, Watermark
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.quarantine import read_columns

Row = Mapping[str, Any]
Key = tuple[Any, ...]

_FILE_BYTES = 32 * 2**20


@dataclass
class LandedLake:
    """A landing zone for `Shop.land`, like RawDatabase, but in the lake. A source may gain columns and widen them."""

    store: ObjectStore
    contracts: dict[str, StreamContract] = field(default_factory=lambda: dict(ContractRegistry.load()))

    def land(self, stream: str, rows: Sequence[Row], at: datetime, *, kind: str = "data") -> int:
        """Append `rows`, read at `at`, as the stream's next version, of kind data, snapshot or backfill.

        Return the version.
        """
        return self._commit(stream, self.contracts[stream].columns, rows, at, CommitKind(kind))

    def land_keys(self, stream: str, keys: Sequence[Row], at: datetime) -> int:
        """Land the result of a keys pass: rows that are back, then tombstones of deleted keys. Return the version."""
        contract = self.contracts[stream]
        newest, deleted = self._landed(contract)
        present = {_key(contract, row) for row in keys}
        living = {key for key, row in newest.items() if row["_log_version"] > deleted.get(key, 0)}
        came_back, left = present - living, living - present
        if back := [newest[key] for key in newest if key in came_back]:
            self.land(stream, back, at, kind="backfill")
        gone = [newest[key] for key in newest if key in left]
        return self._commit(stream, contract.key_columns, gone, at, CommitKind.DELETES)

    def _landed(self, contract: StreamContract) -> tuple[dict[Key, Row], dict[Key, int]]:
        """Return the newest row of each key, and the version of its newest tombstone."""
        newest: dict[Key, Row] = {}
        deleted: dict[Key, int] = {}
        for commit in CommitLog(self.store, contract.stream).since(0):
            for row in (row for file in commit.files for row in read_columns(self.store, file).to_pylist()):
                if commit.kind is CommitKind.DELETES:
                    deleted[_key(contract, row)] = commit.version
                else:
                    newest[_key(contract, row)] = row
        return newest, deleted

    def gain(self, stream: str, name: str, landing: LandingType) -> None:
        """Add a column to the source from now on."""
        contract = self.contracts[stream]
        column = Column(name, "gained", landing, required=False, key_position=None, pii=False, description="")
        self.contracts[stream] = replace(contract, columns=(*contract.columns, column))

    def widen(self, stream: str, name: str, landing: LandingType) -> None:
        """Change the type of a source's column from now on."""
        contract = self.contracts[stream]
        columns = tuple(
            replace(column, landing=landing) if column.name == name else column for column in contract.columns
        )
        self.contracts[stream] = replace(contract, columns=columns)

    def _commit(
        self, stream: str, columns: Sequence[Column], rows: Sequence[Row], at: datetime, kind: CommitKind
    ) -> int:
        schema = pa.schema([(column.name, column.landing.arrow) for column in columns])
        origin = BatchOrigin("run", CommitLog(self.store, stream).head(), at)
        with Batch(
            self.store, self.contracts[stream], origin, kind=kind, columns=schema, target_file_bytes=_FILE_BYTES
        ) as batch:
            if rows:
                values = [{name: row.get(name) for name in schema.names} for row in rows]
                batch.write(pa.RecordBatch.from_pylist(values, schema=schema))
            batch.commit(window=None, watermark=Watermark(before=None, after=at))
        return origin.version


def _key(contract: StreamContract, row: Row) -> Key:
    return tuple(row[name] for name in contract.key)
