"""The session on Postgres that an ingestion reads by: its horizon, then its snapshot. The heads are read before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ingest.contracts.model import Source, StreamContract
from ingest.settings import IngestSettings
from ingest.sources.postgres import PostgresSession, SharedSnapshot


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
