"""The state of one ingestion, and its result for each stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ingest.errors import DamagedLakeError
from ingest.hints import here
from ingest.lake.batch import BatchOrigin
from ingest.lake.commit import KEYS_ALONE, Commit, watermark_of
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.lake.read_mark import CountMark, ReadMark
from ingest.logs import Progress
from ingest.schema_change import SchemaChange
from ingest.settings import IngestSettings

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class SourceCount:
    """The number of rows at the source below the end of the window, counted in the ingestion's snapshot.

    `in_flight` holds the keys of rows that may be older in the lake: rows above the window, and rows in quarantine. It
    is None if the source never changes a row that it has given.
    """

    rows: int
    in_flight: pa.Table | None = None


@dataclass(frozen=True)
class StreamResult:
    """The outcome of one stream. `lag_seconds` is how far the horizon lies behind now, and `blocker` is the cause.

    All rows that the source had below `read_until` are in the lake; None if nothing new was read. `changes` are the
    source's differences from its contract.
    """

    stream: str
    commits: tuple[Commit, ...] = ()
    rows_landed: int = 0
    rows_quarantined: int = 0
    seconds: float = 0.0
    watermark_before: datetime | None = None
    watermark_after: datetime | None = None
    lag_seconds: float | None = None
    blocker: str | None = None
    notices: tuple[str, ...] = ()
    source_count: SourceCount | None = None
    read_until: datetime | None = None
    changes: tuple[SchemaChange, ...] = ()

    @property
    def files(self) -> int:
        """Data files committed."""
        return sum(len(commit.files) for commit in self.commits)

    @property
    def bytes(self) -> int:
        """Bytes committed."""
        return sum(commit.size for commit in self.commits)


@dataclass
class IngestionContext:
    """The state of an ingestion that every extraction needs.

    `heads` are the newest commits that it knows; a batch may only build upon these. A stream whose log is `damaged` has
    none.
    """

    settings: IngestSettings
    store: ObjectStore
    run_id: str
    progress: Progress
    heads: dict[str, Commit | None] = field(default_factory=dict)
    damaged: dict[str, DamagedLakeError] = field(default_factory=dict)
    _landed: dict[str, list[Commit]] = field(default_factory=dict)
    _first_heads: dict[str, Commit | None] = field(default_factory=dict)

    def origin(self, stream: str) -> BatchOrigin:
        """Return the origin of the next batch of `stream`."""
        return BatchOrigin(self.run_id, self.heads[stream], datetime.now(UTC))

    def committed(self, commit: Commit) -> None:
        """Record a commit of this run. The next batch builds upon it."""
        self._first_heads.setdefault(commit.stream, self.heads[commit.stream])
        self._landed.setdefault(commit.stream, []).append(commit)
        self.heads[commit.stream] = commit

    def take_over_newer(self, stream: str) -> Commit | None:
        """Move the stream's head to the newest commit. Return the newest commit of another run among the new ones, if
        any.

        Commits of this run may be new here too: the response to one may have been lost, or its process may have died.
        """
        foreign = None
        known = self.heads[stream]
        for commit in CommitLog(self.store, stream).since(known.version if known else 0):
            if commit.run_id == self.run_id:
                self.committed(commit)
            else:
                self.heads[stream] = foreign = commit
        return foreign

    def result(
        self,
        stream: str,
        *,
        lag_seconds: float | None = None,
        blocker: str | None = None,
        notices: tuple[str, ...] = (),
        source_count: SourceCount | None = None,
        read_until: datetime | None = None,
        changes: tuple[SchemaChange, ...] = (),
    ) -> StreamResult:
        """Return all that this run has done to `stream`. It includes the commits of tries that a fault aborted."""
        commits = tuple(self._landed.get(stream, ()))
        return StreamResult(
            stream=stream,
            commits=commits,
            rows_landed=sum(commit.counts.landed for commit in commits if commit.kind not in KEYS_ALONE),
            rows_quarantined=sum(commit.counts.quarantined for commit in commits),
            watermark_before=watermark_of(self._first_heads.get(stream, self.heads[stream])),
            watermark_after=watermark_of(self.heads[stream]),
            lag_seconds=lag_seconds,
            blocker=blocker,
            notices=tuple(map(here, notices)),
            source_count=source_count,
            read_until=read_until,
            changes=changes,
        )

    def mark_read(self, result: StreamResult, *, compared: bool) -> None:
        """Write hints that say how far the stream's source was read, and whether it was `compared` with the lake."""
        if result.read_until is not None:
            ReadMark.of(result.read_until, self.heads[result.stream]).write(self.store, result.stream)
        if compared:
            CountMark(at=datetime.now(UTC)).write(self.store, result.stream)
