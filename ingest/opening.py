"""The first steps of a run, in this order: the heads of the logs, then the session, its horizon and its snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from ingest.contracts.model import Source, StreamContract
from ingest.errors import ConfigurationError
from ingest.lake.commit import Commit
from ingest.lake.log import CommitLog
from ingest.lake.store import ObjectStore
from ingest.settings import IngestSettings
from ingest.sources.postgres import PostgresSession, SharedSnapshot


def read_heads(store: ObjectStore, contracts: Sequence[StreamContract]) -> dict[str, Commit | None]:
    """The newest commit of each stream, None for an empty log."""
    if not contracts:
        raise ConfigurationError("no stream was named")
    with ThreadPoolExecutor(max_workers=min(len(contracts), 16)) as pool:
        heads = pool.map(lambda contract: CommitLog(store, contract.stream).head(), contracts)
        return {contract.stream: head for contract, head in zip(contracts, heads, strict=True)}


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
