"""The record of a publication, beside the marts: which run made them, when, and which streams it found equal.

One row in `MART._publication`. Readers see it with the marts that it speaks of: in DuckDB it is in the same file, in
Snowflake it is written after dbt has replaced the last of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.contracts.types import TEXT, Kind, LandingType
from orchestration.warehouse.ddl import Table, TableColumn
from orchestration.warehouse.protocol import Session

PUBLICATION = "_publication"

_INT64 = LandingType(Kind.INT64)
_TIMESTAMP = LandingType(Kind.TIMESTAMP)


@dataclass(frozen=True)
class PublicationRecord:
    """What a run says of the marts that it publishes. Times are UTC.

    `business_time` is the moment of the shop that the run built them for. Of all `streams`, the `equal` ones were
    counted at the source and had as many rows there as in the lake, in RAW and in staging; the `uncounted` ones were
    equal from the lake on, and not counted at the source by this run; of the `failed` ones nothing new was landed.
    """

    run_id: str
    published_at: datetime
    business_time: datetime
    streams: int
    equal: int
    uncounted: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def publication_table(schema: str) -> Table:
    """`mart._publication`."""
    return Table(
        schema,
        PUBLICATION,
        (
            TableColumn("run_id", TEXT, nullable=False),
            TableColumn("published_at", _TIMESTAMP, nullable=False),
            TableColumn("business_time", _TIMESTAMP, nullable=False),
            TableColumn("streams", _INT64, nullable=False),
            TableColumn("streams_equal", _INT64, nullable=False),
            TableColumn("uncounted_streams", TEXT, nullable=False),
            TableColumn("failed_streams", TEXT, nullable=False),
        ),
    )


def record_publication(session: Session, schema: str, record: PublicationRecord) -> None:
    """Put the record in the place of the last one, in one transaction. Errors are the session's."""
    table = session.dialect.table(publication_table(schema))
    session.create_schema(schema)
    session.execute(session.dialect.create_table(publication_table(schema)))
    with session.transaction():
        session.execute(f"DELETE FROM {table}")  # noqa: S608
        session.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?)", _values(record))  # noqa: S608


def _values(record: PublicationRecord) -> Sequence[object]:
    return (
        record.run_id,
        _naive(record.published_at),
        _naive(record.business_time),
        record.streams,
        record.equal,
        ", ".join(record.uncounted),
        ", ".join(record.failed),
    )


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
