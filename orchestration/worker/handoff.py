"""The hand-off: a stream's outcome, as an object in the lake, from the worker to the run that asked for it.

The rows are in the commit log already. The hand-off names the commits, the source's count, and the error if there was
one. Prefect's own results would need a disk that both processes can reach.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self

import pyarrow as pa
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from ingest.errors import ConfigurationError, FatalError, PlatformError, TransientError
from ingest.lake import layout
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.context import SourceCount, StreamResult
from ingest.schema_change import SchemaChange


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class ErrorNote(_Model):
    """A PlatformError as JSON, with the name of its class."""

    kind: str
    message: str
    stream: str | None = None
    hint: str | None = None
    final: bool = False
    retry_at: AwareDatetime | None = None
    changes: tuple[SchemaChange, ...] = ()

    @classmethod
    def of(cls, error: PlatformError) -> Self:
        """Return `error` in the form of the hand-off."""
        note = cls(kind=type(error).__name__, message=error.message, stream=error.stream, hint=error.hint)
        if isinstance(error, TransientError):
            note = note.model_copy(update={"final": error.final, "retry_at": error.retry_at})
        if isinstance(error, ConfigurationError):
            note = note.model_copy(update={"changes": error.changes})
        return note

    def error(self) -> PlatformError:
        """Return the error. An error of a class that this release does not have becomes a FatalError."""
        kind = _kinds(PlatformError).get(self.kind, FatalError)
        error = kind(self.message, stream=self.stream, hint=self.hint)
        if isinstance(error, TransientError):
            error.final, error.retry_at = self.final, self.retry_at
        if isinstance(error, ConfigurationError):
            error.changes = self.changes
        return error


class ResultNote(_Model):
    """A StreamResult as JSON. Its commits are in the log, and its keys in flight are an Arrow IPC stream."""

    versions: tuple[int, ...]
    rows_landed: int
    rows_quarantined: int
    seconds: float
    watermark_before: AwareDatetime | None
    watermark_after: AwareDatetime | None
    lag_seconds: float | None
    blocker: str | None
    notices: tuple[str, ...]
    read_until: AwareDatetime | None = None
    changes: tuple[SchemaChange, ...] = ()
    source_rows: int | None
    in_flight: bytes | None

    @classmethod
    def of(cls, result: StreamResult) -> Self:
        """Return `result` in the form of the hand-off."""
        counted = result.source_count
        return cls(
            versions=tuple(commit.version for commit in result.commits),
            rows_landed=result.rows_landed,
            rows_quarantined=result.rows_quarantined,
            seconds=result.seconds,
            watermark_before=result.watermark_before,
            watermark_after=result.watermark_after,
            lag_seconds=result.lag_seconds,
            blocker=result.blocker,
            notices=result.notices,
            read_until=result.read_until,
            changes=result.changes,
            source_rows=counted.rows if counted else None,
            in_flight=_packed(counted.in_flight) if counted and counted.in_flight is not None else None,
        )

    def result(self, store: ObjectStore, stream: str) -> StreamResult:
        """Return the result with its commits from the log. Raises FatalError if the log lacks one."""
        log = CommitLog(store, stream)
        commits = {version: log.read(version) for version in self.versions}
        absent = [version for version, commit in commits.items() if commit is None]
        if absent:
            raise FatalError(f"a worker says that it committed version {absent[0]}, which is not there", stream=stream)
        counted = (
            SourceCount(self.source_rows, _unpacked(self.in_flight) if self.in_flight is not None else None)
            if self.source_rows is not None
            else None
        )
        return StreamResult(
            stream=stream,
            commits=tuple(commit for commit in commits.values() if commit is not None),
            rows_landed=self.rows_landed,
            rows_quarantined=self.rows_quarantined,
            seconds=self.seconds,
            watermark_before=self.watermark_before,
            watermark_after=self.watermark_after,
            lag_seconds=self.lag_seconds,
            blocker=self.blocker,
            notices=self.notices,
            read_until=self.read_until,
            changes=self.changes,
            source_count=counted,
        )


class Handoff(_Model):
    """The outcome of one stream in one flow run: a result or an error, with the host.

    `waited_seconds` is the time taken from the stream's wait budget.
    """

    stream: str
    host: str
    result: ResultNote | None = None
    error: ErrorNote | None = None
    waited_seconds: float = 0.0

    def write(self, store: ObjectStore, flow_run_id: str) -> None:
        """Write the hand-off for the run that asked for this one."""
        store.put(layout.outcome_key(flow_run_id), self.model_dump_json().encode())

    @classmethod
    def read(cls, store: ObjectStore, flow_run_id: str) -> Self:
        """Return the hand-off of that flow run.

        Raises TransientError if there is none, FatalError for an invalid one.
        """
        key = layout.outcome_key(flow_run_id)
        body = store.get(key)
        if body is None:
            raise TransientError("the worker ended without saying what it had done")
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise FatalError(f"{store.uri(key)} is not of this release: {error}") from error


def remove_handoffs(store: ObjectStore, *, older_than: datetime) -> int:
    """Remove hand-offs written before `older_than`, by the store's clock. Return their number."""
    old = [item.key for item in store.list(layout.RUNS) if item.modified < older_than]
    if old:
        store.delete(old)
    return len(old)


def _kinds(base: type[PlatformError]) -> dict[str, type[PlatformError]]:
    found = {base.__name__: base}
    for kind in base.__subclasses__():
        found |= _kinds(kind)
    return found


def _packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _unpacked(body: bytes) -> pa.Table:
    with pa.ipc.open_stream(body) as reader:
        return reader.read_all()
