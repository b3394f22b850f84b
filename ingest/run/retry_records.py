"""Retries refused SaaS records: decodes their kept bytes again by the present contract.

Records that fit are landed in a commit that names the records it settles. A record is settled without landing it if its
key was landed since with an equal or a later cursor, or has left the source, because landing would set the key back. A
record that still breaks the contract stays open, and is not written to quarantine again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contracts.model import StreamContract
from ingest.lake.commit import KEYS_ALONE, Commit
from ingest.lake.counting import counting_versions, newest_of
from ingest.run.context import IngestionContext
from ingest.run.quarantine import Quarantine, RefusedRecord, read_columns, settle, settling_batch
from ingest.sources.api.records import RecordDecoder

Key = tuple[Any, ...]


def retry_records(context: IngestionContext, contract: StreamContract) -> None:
    """Decode open records again and land those that fit. Raises ConflictError."""
    quarantine = Quarantine(context.store, contract)
    decoder = RecordDecoder(contract)
    decoded = [(record, decoder.decode([record.record], first_position=1).rows) for record in quarantine.open()]
    fitting = [(record, rows) for record, rows in decoded if rows.num_rows]
    if not fitting:
        return
    lake = _Lake(context, contract, quarantine.commits, fitting)
    rows_by_key = {lake.key(rows): rows for record, rows in fitting if not lake.has_passed(record, rows)}
    with settling_batch(context, contract, decoder.schema) as batch:
        for rows in rows_by_key.values():
            batch.write(rows)
        settle(context, contract, batch, [record for record, _ in fitting])


class _Lake:
    """The lake's state of some records' keys: their newest cursors, and whether they are still at the source."""

    def __init__(
        self,
        context: IngestionContext,
        contract: StreamContract,
        commits: Sequence[Commit],
        records: Sequence[tuple[RefusedRecord, pa.RecordBatch]],
    ) -> None:
        self._context = context
        self._contract = contract
        self._cursor = contract.cursor_column.name
        self._wanted = {self.key(rows) for _, rows in records}
        first = min(record.version for record, _ in records)
        self._cursors = self._landed_since([commit for commit in commits if commit.version >= first])
        counting = counting_versions(contract, newest_of(commits))
        self._key_set = next((commit for commit in commits if commit.version == counting.keys), None)
        self._present = {key for key, _ in self._rows(self._key_set)} if self._key_set else set()
        deletes = [commit for commit in commits if commit.version > first and counting.hold_deletions_of(commit)]
        self._deleted = {key: commit.version for commit in deletes for key, _ in self._rows(commit)}

    def key(self, row: pa.RecordBatch) -> Key:
        """Return the key of a batch of one row."""
        return tuple(row[name][0].as_py() for name in self._contract.key)

    def has_passed(self, record: RefusedRecord, row: pa.RecordBatch) -> bool:
        """Return whether landing the record would set its key back, or bring back a deleted key."""
        key, cursor = self.key(row), row[self._cursor][0].as_py()
        if self._key_set is not None and self._key_set.version > record.version and key not in self._present:
            return True
        if self._deleted.get(key, 0) > record.version:
            return True
        return key in self._cursors and self._cursors[key] >= cursor

    def _landed_since(self, commits: Sequence[Commit]) -> dict[Key, datetime]:
        newest: dict[Key, datetime] = {}
        for commit in commits:
            if commit.kind not in KEYS_ALONE:
                for key, cursor in self._rows(commit, self._cursor):
                    newest[key] = max(cursor, newest.get(key, cursor))
        return newest

    def _rows(self, commit: Commit, *further: str) -> list[tuple[Key, Any]]:
        """Return key and one further column of the commit's rows that have one of the wanted keys."""
        names = [*self._contract.key, *further]
        first = pa.array([key[0] for key in self._wanted])
        found: list[tuple[Key, Any]] = []
        for file in commit.files:
            table = read_columns(self._context.store, file, names)
            table = table.filter(pc.is_in(table[names[0]], first.cast(table.schema.field(names[0]).type)))
            for row in zip(*(table[name].to_pylist() for name in names), strict=True):
                key = tuple(row[: len(self._contract.key)])
                if key in self._wanted:
                    found.append((key, row[-1]))
        return found
