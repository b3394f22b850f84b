"""The snapshot and horizon that the streams of one ingestion share, whichever processes land them.

One process opens the ingestion: it reads the heads of the logs, then the horizon, then takes the snapshot, and keeps
the snapshot open. Other processes join it. So all streams are read at one moment, even in different containers.

    with open_ingestion(settings, contracts, run_id) as opened:      # here
        shared = opened.shared(contract.stream)
        with open_ingestion(settings, [contract], run_id, shared=shared) as ingestion:      # anywhere
            ingestion.ingest(contract.stream)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict

from ingest.contracts.model import Source, StreamContract
from ingest.errors import ConflictError, TransientError, UnreachableError
from ingest.lake.commit import Commit
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.context import IngestionContext
from ingest.settings import IngestSettings
from ingest.sources.postgres.reader import PostgresSession, SharedSnapshot


class SharedIngestion(BaseModel):
    """The heads and the snapshot of an open ingestion, for other processes to join.

    `versions` are the newest versions in the lake before the snapshot was taken, by stream, 0 for an empty log.
    `snapshot` is None if no stream is read from Postgres.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    versions: dict[str, int]
    snapshot: SharedSnapshot | None = None

    @classmethod
    def of(cls, heads: Mapping[str, Commit | None], session: PostgresSession | None) -> Self:
        """Return the heads and the snapshot of an ingestion that was just opened."""
        versions = {stream: head.version if head else 0 for stream, head in heads.items()}
        return cls(versions=versions, snapshot=session.shared if session else None)


def open_session(
    settings: IngestSettings, contracts: Sequence[StreamContract], shared: SharedSnapshot | None = None
) -> PostgresSession:
    """Return a session that reads the tables of `contracts`, at the `shared` snapshot or at a snapshot of its own."""
    return PostgresSession(
        settings.postgres_dsn,
        [contract.source_object for contract in contracts if contract.spec.source is Source.POSTGRES],
        margin=timedelta(seconds=settings.horizon_margin_seconds),
        lock_timeout=timedelta(seconds=settings.postgres_lock_timeout_seconds),
        readers=settings.postgres_readers,
        shared=shared,
    )


def join_ingestion(
    context: IngestionContext, contracts: Sequence[StreamContract], shared: SharedIngestion
) -> PostgresSession | None:
    """Join a shared ingestion: set the heads in `context`, and return the Postgres session if one is needed.

    Commits that a process of the same run made before it died count as this process' own. If the session that held the
    snapshot has ended, the streams are read at a snapshot of their own.

    Raises ConflictError if another run has committed since the snapshot was taken: a key set that is older than newly
    landed rows would delete them.
    """
    context.heads = {each.stream: _commit(context.store, each.stream, shared) for each in contracts}
    if not _read_from_postgres(contracts) or shared.snapshot is None:
        _go_on_from_log(context, contracts, foreign=False)
        return open_session(context.settings, contracts) if _read_from_postgres(contracts) else None
    try:
        session = open_session(context.settings, contracts, shared.snapshot)
    except UnreachableError:
        raise
    except TransientError:
        _go_on_from_log(context, contracts, foreign=True)
        return open_session(context.settings, contracts)
    try:
        _go_on_from_log(context, contracts, foreign=False)
    except BaseException:
        session.close()
        raise
    return session


def _read_from_postgres(contracts: Sequence[StreamContract]) -> bool:
    return any(contract.spec.source is Source.POSTGRES for contract in contracts)


def _commit(store: ObjectStore, stream: str, shared: SharedIngestion) -> Commit | None:
    version = shared.versions[stream]
    return CommitLog(store, stream).required(version) if version else None


def _go_on_from_log(context: IngestionContext, contracts: Sequence[StreamContract], *, foreign: bool) -> None:
    """Take over newer commits of this run, and, if `foreign` commits are allowed, of other runs."""
    for contract in contracts:
        newer = context.take_over_newer(contract.stream)
        if newer is not None and not foreign:
            raise ConflictError(
                f"another writer committed version {newer.version} first; nothing is doubled",
                stream=contract.stream,
                hint="The next run goes on from there.",
            )
