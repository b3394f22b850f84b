"""The record of a publication, beside the marts: the run, the time, and the streams that the run found equal.

It is one row in `MART._publication`. Readers see it together with its marts: DuckDB has it in the same file, and in
Snowflake it is written after dbt has replaced the last mart.
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
    """A run's statement about the marts that it publishes. Times are UTC.

    `business_time` is the shop's moment for which the marts were built. Of all `streams`, the `equal` ones had as many
    rows at the source as in the lake, in RAW and in staging. The `uncounted` ones were equal from the lake on, but this
    run did not count them at the source. For the `failed` ones this run landed nothing new.
    """

    run_id: str
    published_at: datetime
    business_time: datetime
    streams: int
    equal: int
    uncounted: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def publication_table(schema: str) -> Table:
    """Return the table `mart._publication`."""
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
    """Replace the last record by this one, in one transaction. Raises the session's errors."""
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
