"""The outbox: one JSON document in the lake for each run that no warehouse has imported yet.

A run writes its document at its end, and may overwrite its own older one. The holder of the warehouse's writer lock
imports all waiting documents in one transaction, and then removes them. So a run needs no warehouse to leave its
record, an unavailable warehouse loses none, and a document that is imported twice leaves the same rows.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pydantic import ValidationError

from ingest.errors import ConflictError, DamagedLakeError
from ingest.lake import layout
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger
from orchestration.ops.latest import note_latest
from orchestration.warehouse.ops.rows import RunRecord

_AT_ONCE = 16


class Outbox:
    """The outbox of one lake. Every method raises TransientError, AccessError or ConfigurationError."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, record: RunRecord) -> None:
        """Write a run's document, over an older one, and note the run as the newest one."""
        self._store.put(_key(record), _body(record))
        note_latest(self._store, record)

    def put_if_absent(self, record: RunRecord) -> bool:
        """Write the run's document unless one of that run already waits. Return whether it was written."""
        try:
            self._store.put_if_absent(_key(record), _body(record))
        except ConflictError:
            return False
        note_latest(self._store, record)
        return True

    def waiting(self, known: RunRecord | None = None) -> list[RunRecord]:
        """Return the waiting records, the oldest run first. `known` was just put, and is not read again.

        A document that cannot be read is logged and left in place.
        """
        known_key = _key(known) if known is not None else None
        keys = [item.key for item in self._store.list(layout.OPS_RUNS) if item.key != known_key]
        found: list[RunRecord] = []
        if keys:
            with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="outbox") as pool:
                found = [record for record in pool.map(self._read, keys) if record is not None]
        if known is not None:
            found.append(known)
        return sorted(found, key=lambda record: record.run.ended_at)

    def remove(self, records: list[RunRecord]) -> None:
        """Remove the documents of these runs, whose rows are committed."""
        self._store.delete([_key(record) for record in records])

    def _read(self, key: str) -> RunRecord | None:
        try:
            body = self._store.get(key)
            return None if body is None else RunRecord.model_validate_json(body)
        except (DamagedLakeError, ValidationError) as error:
            get_logger().warning("the record of a run cannot be read", key=key, error=str(error))
            return None


def _key(record: RunRecord) -> str:
    return layout.run_record_key(record.run.run_id)


def _body(record: RunRecord) -> bytes:
    return record.model_dump_json().encode()
