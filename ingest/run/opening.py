"""The first steps of a run, in this order: the heads of the logs, then the session, its horizon and its snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from ingest.contracts.model import Source, StreamContract
from ingest.errors import ConfigurationError, DamagedLakeError
from ingest.lake.commit import Commit
from ingest.lake.log import CommitLog
from ingest.lake.store import ObjectStore
from ingest.settings import IngestSettings
from ingest.sources.postgres import PostgresSession, SharedSnapshot


@dataclass(frozen=True)
class Heads:
    """The newest commit of each stream, None for an empty log; for a stream whose log is `damaged`, the error."""

    commits: dict[str, Commit | None]
    damaged: dict[str, DamagedLakeError]


def read_heads(store: ObjectStore, contracts: Sequence[StreamContract]) -> Heads:
    """The heads of the logs. A damaged log stops only its own stream."""
    if not contracts:
        raise ConfigurationError("no stream was named")

    def head(contract: StreamContract) -> Commit | DamagedLakeError | None:
        try:
            return CommitLog(store, contract.stream).head()
        except DamagedLakeError as error:
            return error

    with ThreadPoolExecutor(max_workers=min(len(contracts), 16), thread_name_prefix="heads") as pool:
        found = dict(zip((contract.stream for contract in contracts), pool.map(head, contracts), strict=True))
    return Heads(
        commits={stream: head for stream, head in found.items() if not isinstance(head, DamagedLakeError)},
        damaged={stream: head for stream, head in found.items() if isinstance(head, DamagedLakeError)},
    )


def open_session(
    settings: IngestSettings, contracts: Sequence[StreamContract], shared: SharedSnapshot | None = None
) -> PostgresSession:
    """A session that reads the tables of `contracts`: at a snapshot of its own, or at the `shared` one."""
    return PostgresSession(
        settings.postgres_dsn,
        [contract.source_object for contract in contracts if contract.spec.source is Source.POSTGRES],
        margin=timedelta(seconds=settings.horizon_margin_seconds),
        lock_timeout=timedelta(seconds=settings.postgres_lock_timeout_seconds),
        readers=settings.postgres_readers,
        shared=shared,
    )
