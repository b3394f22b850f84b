"""The state of the newest run: a hint in the lake, which a monitor reads with one request.

A record leaves the outbox once a warehouse has imported it, and a query of the tables `ops_*` costs warehouse time. So
every writer of a record also updates this note with the facts that hold until a later run changes them. A lost note is
made again by the next run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from ingest.errors import DamagedLakeError, PlatformError
from ingest.lake import layout
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger
from orchestration.warehouse.ops.rows import RunRecord, RunState


class StreamStanding(BaseModel):
    """The state of a stream according to the newest run that reported it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    is_blocked: bool = False
    """Whether an open transaction at the source held its horizon back."""
    open_records: int = 0
    """Refused records that are still missing in the lake."""


class LatestRun(BaseModel):
    """The newest run's end, and facts of older runs that the newest run did not report.

    `completed_at` is the end of the newest completed run. `published_at` is the newest publication. `confirmed_at` is
    the newest moment at which the published marts were known to hold all landed rows: a run that found nothing new
    confirms it too.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    state: RunState
    is_idle: bool
    ended_at: AwareDatetime
    run_seconds: float
    rows_landed: int
    completed_at: AwareDatetime | None = None
    published_at: AwareDatetime | None = None
    confirmed_at: AwareDatetime | None = None
    streams: Mapping[str, StreamStanding] = {}


def after(record: RunRecord, before: LatestRun | None) -> LatestRun:
    """Return the note after a run, where `before` was the note until then.

    A run that ended earlier than the noted one only adds its times.
    """
    run = record.run
    completed = run.ended_at if run.state == "completed" else None
    confirmed = run.ended_at if completed is not None and run.is_idle else run.published_at
    known = before or LatestRun(
        run_id=run.run_id,
        state=run.state,
        is_idle=run.is_idle,
        ended_at=run.ended_at,
        run_seconds=run.run_seconds,
        rows_landed=run.rows_landed,
    )
    times = {
        "completed_at": _later(known.completed_at, completed),
        "published_at": _later(known.published_at, run.published_at),
        "confirmed_at": _later(known.confirmed_at, confirmed),
    }
    if known.ended_at > run.ended_at:
        return known.model_copy(update=times)
    return LatestRun(
        run_id=run.run_id,
        state=run.state,
        is_idle=run.is_idle,
        ended_at=run.ended_at,
        run_seconds=run.run_seconds,
        rows_landed=run.rows_landed,
        streams=_streams(record, known.streams),
        **times,
    )


def note_latest(store: ObjectStore, record: RunRecord) -> None:
    """Update the note with a run. A failure is only logged, because the record itself does not depend on the note."""
    try:
        latest = after(record, read_latest(store))
        store.put(layout.latest_run_key(), latest.model_dump_json().encode())
    except PlatformError as error:
        get_logger().warning("the newest run was not noted", run_id=record.run.run_id, error=str(error))


def read_latest(store: ObjectStore) -> LatestRun | None:
    """Return the note, None if there is no readable one.

    Raises TransientError, AccessError or ConfigurationError.
    """
    try:
        body = store.get(layout.latest_run_key())
        return None if body is None else LatestRun.model_validate_json(body)
    except (DamagedLakeError, ValidationError) as error:
        get_logger().warning("the note of the newest run cannot be read", error=str(error))
        return None


def _streams(record: RunRecord, known: Mapping[str, StreamStanding]) -> dict[str, StreamStanding]:
    """Return the state of each stream.

    If a run did not reach a stream or count its quarantine, the older facts stay.
    """
    standing = dict(known)
    for row in record.streams:
        standing[row.stream] = standing.get(row.stream, StreamStanding()).model_copy(
            update={"is_blocked": row.blocker is not None}
        )
    counted: dict[str, int] = {}
    for refused in record.quarantine:
        counted[refused.stream] = counted.get(refused.stream, 0) + refused.open_records
    for stream, count in counted.items():
        standing[stream] = standing.get(stream, StreamStanding()).model_copy(update={"open_records": count})
    return standing


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)
