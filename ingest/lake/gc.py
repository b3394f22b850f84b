"""Finds and removes orphans: files that a broken-off or losing batch left, which no commit names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest.contracts.model import StreamContract
from ingest.lake import layout
from ingest.lake.log import CommitLog
from ingest.lake.store import ObjectStore, StoredObject


@dataclass(frozen=True)
class Orphans:
    """What `gc` found for one stream. `young` ones are within the grace period and may belong to a running batch."""

    stream: str
    old: tuple[StoredObject, ...]
    young: tuple[StoredObject, ...]


def find_orphans(store: ObjectStore, contract: StreamContract, *, grace: timedelta) -> Orphans:
    """The stream's files that no commit names.

    The files are listed before the log is read, so that a file committed meanwhile is never taken for an orphan.
    """
    prefixes = layout.data_prefixes(contract.spec.prefix, contract.stream)
    stored = [item for prefix in prefixes for item in store.list(prefix)]
    committed = {
        file.key
        for commit in CommitLog(store, contract.stream).since(0)
        for file in (*commit.files, *commit.quarantine)
    }
    orphans = [item for item in stored if item.key not in committed]
    limit = datetime.now(UTC) - grace
    return Orphans(
        contract.stream,
        old=tuple(item for item in orphans if item.modified < limit),
        young=tuple(item for item in orphans if item.modified >= limit),
    )


def remove(store: ObjectStore, orphans: Orphans) -> None:
    """Delete the old ones."""
    store.delete([item.key for item in orphans.old])
