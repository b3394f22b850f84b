"""The warehouse's lag behind the lake, stream by stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.apart import Apart
from ingest.contracts.model import StreamContract
from ingest.lake.commit import Commit
from ingest.lake.heads import read_heads
from ingest.lake.objects.store import ObjectStore
from orchestration.warehouse.ddl import data_table, ledger_table
from orchestration.warehouse.ledger import Ledger
from orchestration.warehouse.protocol import Session


@dataclass(frozen=True)
class StreamStatus:
    """One stream in the lake and in RAW. Versions are 0 and times None if there is nothing yet."""

    stream: str
    lake_version: int
    lake_watermark: datetime | None
    loaded_version: int
    loaded_at: datetime | None
    raw_rows: int

    @property
    def behind(self) -> int:
        """Versions that are in the lake and not in RAW."""
        return self.lake_version - self.loaded_version


def stream_statuses(
    store: ObjectStore, session: Session, schema: str, contracts: Sequence[StreamContract]
) -> Apart[StreamStatus]:
    """Return the status of each stream. Raises FatalError for a ledger with gaps."""
    heads = read_heads(store, contracts)
    sound = (contract for contract in contracts if contract.stream in heads.commits)
    statuses = tuple(_status(session, schema, contract, heads.commits[contract.stream]) for contract in sound)
    return Apart(statuses, tuple(heads.damaged.values()))


def _status(session: Session, schema: str, contract: StreamContract, head: Commit | None) -> StreamStatus:
    ledger = Ledger(session, schema)
    loaded_version, loaded_at = (ledger.version(contract.stream), None) if ledger.exists() else (0, None)
    if loaded_version:
        name = session.dialect.table(ledger_table(schema))
        [(loaded_at,)] = session.query(
            f"SELECT loaded_at FROM {name} WHERE stream = ? AND version = ?",  # noqa: S608
            [contract.stream, loaded_version],
        )
    table = data_table(contract, schema)
    counted = (
        session.query(f"SELECT count(*) FROM {session.dialect.table(table)}")  # noqa: S608
        if session.columns(table)
        else [(0,)]
    )
    return StreamStatus(
        stream=contract.stream,
        lake_version=head.version if head else 0,
        lake_watermark=head.watermark.after if head else None,
        loaded_version=loaded_version,
        loaded_at=loaded_at if isinstance(loaded_at, datetime) else None,
        raw_rows=int(str(counted[0][0])),
    )
