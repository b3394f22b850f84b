"""One run's rows in the tables `ops_*`: a pydantic model for each table, whose fields are its columns in their order.

`RunRecord` holds all rows of one run. As JSON it is the document in the lake's outbox. Moments are instants here, and
UTC without a zone in the tables. dbt/models/marts/ops/_ops.yml describes each column.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

RunState = Literal["completed", "failed", "interrupted", "refused", "crashed"]
Severity = Literal["critical", "warning", "info"]
StreamState = Literal["landed", "unchanged", "overtaken", "failed", "not_ingested"]


class OpsRow(BaseModel):
    """A row of a table `ops_*`. `table` is the table's name, `key` its primary key."""

    # A document of a later release may have more fields.
    model_config = ConfigDict(frozen=True, extra="ignore")

    table: ClassVar[str]
    key: ClassVar[tuple[str, ...]]

    run_id: str


class RunRow(OpsRow):
    """The row of a run. The seconds of a step that it did not reach are None."""

    table: ClassVar[str] = "ops_runs"
    key: ClassVar[tuple[str, ...]] = ("run_id",)

    run_name: str | None = None
    state: RunState
    is_idle: bool = False
    warehouse: str
    parameters: str = "{}"
    started_at: AwareDatetime
    ended_at: AwareDatetime
    run_seconds: float
    ingest_seconds: float | None = None
    wait_seconds: float | None = None
    load_seconds: float | None = None
    dbt_seconds: float | None = None
    reconcile_seconds: float | None = None
    publish_seconds: float | None = None
    full_refresh: bool = False
    published_at: AwareDatetime | None = None
    streams: int = 0
    streams_failed: int = 0
    rows_landed: int = 0
    rows_quarantined: int = 0
    rows_loaded: int = 0
    dbt_nodes: int = 0
    dbt_failed: int = 0
    dbt_warned: int = 0
    streams_reconciled: int = 0
    streams_unequal: int = 0
    problem: str | None = None


class StreamRow(OpsRow):
    """One stream of the run: the rows landed and loaded, and its freshness."""

    table: ClassVar[str] = "ops_run_streams"
    key: ClassVar[tuple[str, ...]] = ("run_id", "stream")

    stream: str
    state: StreamState
    rows_landed: int | None = None
    rows_quarantined: int | None = None
    rows_loaded: int | None = None
    files_landed: int | None = None
    bytes_landed: int | None = None
    version_landed: int | None = None
    version_loaded: int | None = None
    watermark: AwareDatetime | None = None
    read_until: AwareDatetime | None = None
    watermark_lag_seconds: float | None = None
    blocker: str | None = None
    ingest_seconds: float | None = None
    load_seconds: float | None = None
    allowed_age_seconds: float | None = None
    age_seconds: float | None = None
    fresh_until: AwareDatetime | None = None
    problem: str | None = None


class ReconciliationRow(OpsRow):
    """One stream's counts on the way from source to staging."""

    table: ClassVar[str] = "ops_reconciliations"
    key: ClassVar[tuple[str, ...]] = ("run_id", "stream")

    stream: str
    version: int
    source_rows: int | None
    refused_rows: int
    in_flight_rows: int
    lake_rows: int
    raw_rows: int | None
    staging_rows: int | None
    lake_history_rows: int
    raw_history_rows: int | None
    is_equal: bool
    is_compared: bool
    note: str | None = None


class DbtResultRow(OpsRow):
    """One node of the run's dbt build."""

    table: ClassVar[str] = "ops_dbt_results"
    key: ClassVar[tuple[str, ...]] = ("run_id", "unique_id")

    unique_id: str
    node: str
    resource_type: str
    materialized: str
    status: str
    row_count: int | None
    execution_seconds: float
    started_at: AwareDatetime
    ended_at: AwareDatetime
    failures: int | None
    message: str | None
    description: str | None
    relation: str | None
    compiled_path: str | None


class QuarantineRow(OpsRow):
    """Refused records of one version of a stream with one reason, as of the run's end."""

    table: ClassVar[str] = "ops_quarantine"
    key: ClassVar[tuple[str, ...]] = ("run_id", "stream", "version", "reason")

    stream: str
    version: int
    reason: str
    records: int
    open_records: int
    state: Literal["open", "settled"]


class SchemaChangeRow(OpsRow):
    """One difference between a stream's contract and its source, as the run found it."""

    table: ClassVar[str] = "ops_schema_changes"
    key: ClassVar[tuple[str, ...]] = ("run_id", "stream", "subject", "kind")

    stream: str
    subject: str
    kind: str
    column_name: str | None
    expected: str
    found: str
    severity: Severity
    remark: str | None
    accept_command: str | None
    is_new: bool


ROW_TYPES: tuple[type[OpsRow], ...] = (
    RunRow,
    StreamRow,
    ReconciliationRow,
    DbtResultRow,
    QuarantineRow,
    SchemaChangeRow,
)


class RunRecord(BaseModel):
    """All rows of one run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: RunRow
    streams: tuple[StreamRow, ...] = ()
    reconciliations: tuple[ReconciliationRow, ...] = ()
    dbt_results: tuple[DbtResultRow, ...] = ()
    quarantine: tuple[QuarantineRow, ...] = ()
    schema_changes: tuple[SchemaChangeRow, ...] = ()

    def rows(self, kind: type[OpsRow]) -> tuple[OpsRow, ...]:
        """Return the rows for the table of `kind`."""
        every: tuple[OpsRow, ...] = (
            self.run,
            *self.streams,
            *self.reconciliations,
            *self.dbt_results,
            *self.quarantine,
            *self.schema_changes,
        )
        return tuple(row for row in every if isinstance(row, kind))
