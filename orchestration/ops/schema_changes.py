"""A source's differences from its contracts as rows, and which of them are new, so that each alert is sent once.

One object in the lake holds the differences of the last run. If it is lost, each change is new once more. A change that
was accepted or undone, and then appears again, is new again.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from ingest.errors import ConfigurationError, DamagedLakeError
from ingest.hints import here
from ingest.lake import layout
from ingest.lake.objects.store import ObjectStore
from ingest.schema_change import Effect, SchemaChange
from orchestration.ops.texts import for_readers
from orchestration.report import RunReport, StreamOutcome
from orchestration.warehouse.ops.rows import SchemaChangeRow, Severity

SEVERITIES: Mapping[Effect, Severity] = {Effect.STOPS: "critical", Effect.FLOWS: "warning", Effect.NOTED: "info"}
"""By what the change does to its stream."""

Changes = Mapping[str, tuple[SchemaChange, ...]]
"""By stream. A stream that was not compared has no entry."""


class KnownChanges(BaseModel):
    """The changes for which an alert was sent, as texts, by stream."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    streams: dict[str, tuple[str, ...]] = {}

    @classmethod
    def read(cls, store: ObjectStore) -> KnownChanges:
        """Return the changes that the last run left; none if there is no readable object."""
        try:
            body = store.get(layout.KNOWN_CHANGES)
            return cls() if body is None else cls.model_validate_json(body)
        except (DamagedLakeError, ValidationError):
            return cls()

    def write(self, store: ObjectStore) -> None:
        """Write the changes for the next run."""
        store.put(layout.KNOWN_CHANGES, self.model_dump_json().encode())

    def has(self, stream: str, change: SchemaChange) -> bool:
        """Return whether the last run knew the change with the same effect."""
        return _identity(change) in self.streams.get(stream, ())

    def after(self, found: Changes) -> KnownChanges:
        """Return the changes known after a run that found `found`."""
        now = {stream: tuple(sorted(map(_identity, changes))) for stream, changes in found.items()}
        return KnownChanges(streams={stream: known for stream, known in (self.streams | now).items() if known})


def changes_of(report: RunReport) -> Changes:
    """Return the changes of the streams that the run has compared with their source."""
    compared = ((outcome.stream, _of(outcome)) for outcome in report.streams)
    return {stream: changes for stream, changes in compared if changes is not None}


def change_rows(run_id: str, found: Changes, known: KnownChanges) -> tuple[SchemaChangeRow, ...]:
    """Return a row for each change. Two changes of one kind and subject make one row."""
    rows = {
        (stream, change.subject, change.kind): _row(run_id, stream, change, is_new=not known.has(stream, change))
        for stream, changes in found.items()
        for change in changes
    }
    return tuple(rows.values())


def alert_text(row: SchemaChangeRow) -> str:
    """Return the text of the alert for a new change."""
    remark = f" ({row.remark})" if row.remark else ""
    way_out = f" Accept it: `{row.accept_command}`." if row.accept_command else ""
    what = f"{row.subject}: the contract says {row.expected}, the source has {row.found}{remark}."
    return f"[{row.severity}] The source of {row.stream} has changed. {what}{here(way_out)}"


def _of(outcome: StreamOutcome) -> tuple[SchemaChange, ...] | None:
    if outcome.result is not None:
        return outcome.result.changes
    if isinstance(outcome.error, ConfigurationError) and outcome.error.changes:
        return outcome.error.changes
    return None


def _row(run_id: str, stream: str, change: SchemaChange, *, is_new: bool) -> SchemaChangeRow:
    # A difference that is only noted is no change that a contract could take over.
    acceptable = change.acceptable and change.effect is not Effect.NOTED
    return SchemaChangeRow(
        run_id=run_id,
        stream=stream,
        subject=for_readers(change.subject),
        kind=change.kind.value,
        column_name=change.column,
        expected=for_readers(change.expected),
        found=for_readers(change.found),
        severity=SEVERITIES[change.effect],
        remark=for_readers(change.remark) if change.remark else None,
        accept_command=shlex.join(["ingest", "contract", "accept", stream]) if acceptable else None,
        is_new=is_new,
    )


def _identity(change: SchemaChange) -> str:
    return f"{change.kind.value}: {change.subject}: {change.expected} -> {change.found}: {change.effect.value}"
