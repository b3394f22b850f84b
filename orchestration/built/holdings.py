"""The warehouse's own records: the newest versions in its ledger, and the run that published its marts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ingest.lake.commit import CommitKind
from orchestration.built.mark import StreamVersion
from orchestration.settings import Schemas
from orchestration.warehouse.ddl import ledger_table
from orchestration.warehouse.protocol import Session
from orchestration.warehouse.publication import publication_table


@dataclass(frozen=True)
class Holdings:
    """The state of a warehouse by its own records.

    `streams` are the newest loaded versions. `replays` are the newest versions that were replays, `backfills` the
    newest backfills and repairs with rows. The ledger lacks older versions of the `incomplete` streams. `published_by`
    is the run that published the marts, None if there is none.
    """

    streams: dict[str, StreamVersion]
    replays: Mapping[str, int]
    backfills: Mapping[str, int]
    published_by: str | None
    incomplete: frozenset[str] = frozenset()

    @classmethod
    def of(cls, session: Session, schemas: Schemas) -> Holdings:
        """Read both records of the warehouse, with one query each."""
        ledger = sorted(_ledger(session, schemas.raw), key=lambda row: row.version)
        return cls(
            streams={row.stream: StreamVersion(version=row.version, batch_id=row.batch_id) for row in ledger},
            replays={row.stream: row.version for row in ledger if row.kind == CommitKind.REPLAY},
            backfills={row.stream: row.version for row in ledger if row.kind == CommitKind.BACKFILL and row.rows},
            published_by=_published_by(session, schemas.mart),
            incomplete=frozenset(row.stream for row in ledger if row.of_all != row.newest),
        )


@dataclass(frozen=True)
class _Loaded:
    stream: str
    kind: str
    version: int
    batch_id: str
    rows: int
    of_all: int
    newest: int


def _ledger(session: Session, schema: str) -> list[_Loaded]:
    """Return the newest version of each stream and kind, with and without rows, and the stream's number of versions."""
    if not session.columns(ledger_table(schema)):
        return []
    table, rows = session.dialect.table(ledger_table(schema)), session.dialect.quote("rows")
    found = session.query(
        f"SELECT stream, kind, version, batch_id, {rows}, count(*) OVER (PARTITION BY stream), "  # noqa: S608
        f"max(version) OVER (PARTITION BY stream) FROM {table} "
        f"QUALIFY row_number() OVER (PARTITION BY stream, kind, {rows} > 0 ORDER BY version DESC) = 1"
    )
    return [
        _Loaded(str(stream), str(kind), int(str(version)), str(batch_id), *(int(str(number)) for number in numbers))
        for stream, kind, version, batch_id, *numbers in found
    ]


def _published_by(session: Session, schema: str) -> str | None:
    table = publication_table(schema)
    if not session.columns(table):
        return None
    found = session.query(f"SELECT run_id FROM {session.dialect.table(table)}")  # noqa: S608
    return str(found[0][0]) if found else None
