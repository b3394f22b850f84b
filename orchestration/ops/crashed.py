"""Makes the record of a killed run from its traces: its mark, and its commits in the lake's log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ingest.apart import apart
from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.lake.commit import KEYS_ALONE, Commit
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from orchestration.ops.outbox import Outbox
from orchestration.ops.running import RunningMark, RunningMarks
from orchestration.ops.texts import for_readers
from orchestration.warehouse.ops.rows import RunRecord, RunRow, StreamRow

_AT_ONCE = 8
_CLOCKS_DIFFER = timedelta(hours=1)
"""A stream may have been landed on another host than the run's."""
_KILLED = "Its process was killed, or its host is gone. What it had committed counts; the next run goes on from there."


def complete(store: ObjectStore, registry: ContractRegistry, mark: RunningMark) -> bool:
    """Write the record of a killed run, and remove its mark. Return False if the run had already left a record.

    Raises the object store's errors.
    """
    written = Outbox(store).put_if_absent(crashed_record(store, registry, mark))
    RunningMarks(store).remove(mark.run_id)
    return written


def crashed_record(store: ObjectStore, registry: ContractRegistry, mark: RunningMark) -> RunRecord:
    """Return the record of a killed run: its commits, stream by stream. Its end is the time of its last trace."""
    commits = _commits_by_stream(store, registry, mark.run_id, mark.started_at)
    streams = tuple(_stream_row(mark.run_id, stream, each) for stream, each in commits.items())
    last = max((commit.committed_at for each in commits.values() for commit in each), default=mark.started_at)
    ended_at = max(last, mark.started_at)
    run = RunRow(
        run_id=mark.run_id,
        run_name=mark.run_name,
        state="crashed",
        warehouse=mark.warehouse,
        parameters=for_readers(mark.parameters),
        started_at=mark.started_at,
        ended_at=ended_at,
        run_seconds=(ended_at - mark.started_at).total_seconds(),
        streams=len(streams),
        rows_landed=sum(row.rows_landed or 0 for row in streams),
        rows_quarantined=sum(row.rows_quarantined or 0 for row in streams),
        problem=_KILLED,
    )
    return RunRecord(run=run, streams=streams)


def landed_rows(
    store: ObjectStore, registry: ContractRegistry, run_id: str, started_at: datetime
) -> tuple[StreamRow, ...]:
    """Return the rows of the streams that a run has committed. The run was aborted before its streams could report."""
    commits = _commits_by_stream(store, registry, run_id, started_at)
    return tuple(_stream_row(run_id, stream, each) for stream, each in commits.items())


def _commits_by_stream(
    store: ObjectStore, registry: ContractRegistry, run_id: str, started_at: datetime
) -> dict[str, list[Commit]]:
    """Return the run's commits by stream, the newest first. Streams without any, and damaged streams, are left out."""
    found = apart(
        registry.values(),
        lambda contract: (contract.stream, list(_commits(store, contract, run_id, started_at))),
        at_once=_AT_ONCE,
    )
    return {stream: commits for stream, commits in found.results if commits}


def _commits(store: ObjectStore, contract: StreamContract, run_id: str, started_at: datetime) -> Iterator[Commit]:
    """Yield the run's commits, the newest first.

    Later commits may be another run's; earlier ones cannot precede its start.
    """
    log = CommitLog(store, contract.stream)
    commit = log.head()
    while commit is not None and commit.committed_at >= started_at - _CLOCKS_DIFFER:
        if commit.run_id == run_id:
            yield commit
        commit = log.required(commit.version - 1) if commit.version > 1 else None


def _stream_row(run_id: str, stream: str, commits: list[Commit]) -> StreamRow:
    newest = commits[0]
    return StreamRow(
        run_id=run_id,
        stream=stream,
        state="landed",
        rows_landed=sum(commit.counts.landed for commit in commits if commit.kind not in KEYS_ALONE),
        rows_quarantined=sum(commit.counts.quarantined for commit in commits),
        files_landed=sum(len(commit.files) for commit in commits),
        bytes_landed=sum(commit.size for commit in commits),
        version_landed=newest.version,
        watermark=newest.watermark.after,
    )
