"""Records a run: writes its document to the outbox, then imports all waiting documents into the warehouse's tables.

It also completes the records of killed runs of this host as crashed.

No fault here fails a run or hides the run's own error. It is logged and shown as a remark on the run, and the outbox
keeps the document for the next run. If the lake itself fails, RUNS_DIR keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Thread
from typing import TypeVar

from ingest.contracts.registry import ContractRegistry
from ingest.errors import PlatformError, first_line
from ingest.lake.objects.store import ObjectStore
from orchestration.ops.crashed import complete, landed_rows
from orchestration.ops.intake import take_in
from orchestration.ops.outbox import Outbox
from orchestration.ops.quarantine import may_differ, quarantine_rows
from orchestration.ops.record import RunFacts, bare_record, record_of
from orchestration.ops.running import RunningMark, RunningMarks
from orchestration.ops.schema_changes import Changes, KnownChanges, change_rows, changes_of
from orchestration.ops.spool import Spool
from orchestration.prefect.run.change_alerts import send_alerts
from orchestration.prefect.run.services import StepServices
from orchestration.progress import Logger
from orchestration.reconcile.kept import KeptCounts
from orchestration.report import RunReport
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.ledger import Ledger
from orchestration.warehouse.ops.rows import QuarantineRow, RunRecord, RunState, SchemaChangeRow
from orchestration.warehouse.ops.tables import ensure_ops_tables
from orchestration.warehouse.protocol import Purpose, Warehouse

T = TypeVar("T")


def record_refusal(
    run_id: str, run_name: str | None, given: Mapping[str, object], error: PlatformError, logger: Logger
) -> None:
    """Write the record of a run that could not begin, if its settings name a lake."""
    try:
        settings = OrchestrationSettings.load()
        facts = RunFacts(
            run_id=run_id,
            run_name=run_name,
            parameters=json.dumps(given, default=str),
            warehouse=settings.warehouse.value,
            started_at=datetime.now(UTC),
            registry=ContractRegistry([]),
            settings=settings,
        )
        record = bare_record(facts, state="refused", ended_at=facts.started_at, problem=str(error))
        _put(Outbox(ObjectStore(settings.lake)), Spool(settings.runs_dir), record)
    except PlatformError as problem:
        # The bad setting may be the lake's own.
        logger.warning("the platform's own data: the refused run has no record: %s", problem)


def _put(outbox: Outbox, spool: Spool, record: RunRecord) -> None:
    """Put the record into the outbox. If the lake does not take it, keep it on local disk and raise the error."""
    try:
        outbox.put(record)
    except PlatformError:
        spool.keep(record)
        raise


@dataclass
class Recorder:
    """The recorder of one run. `remarks` are the faults of recording."""

    facts: RunFacts
    outbox: Outbox
    warehouse: Warehouse
    logger: Logger
    store: ObjectStore
    remarks: list[str] = field(default_factory=list)
    _has_tables: bool = False
    _marking: Thread | None = None
    _change_rows: tuple[SchemaChangeRow, ...] | None = None
    _with_quarantine: frozenset[str] = frozenset()

    @classmethod
    def of(cls, run: StepServices, started_at: datetime, logger: Logger) -> Recorder:
        """Return the recorder of a run that began at `started_at`."""
        facts = RunFacts(
            run_id=run.run_id,
            run_name=run.run_name,
            parameters=run.parameters.model_dump_json(),
            warehouse=run.warehouse.name,
            started_at=started_at,
            registry=run.registry,
            settings=run.settings,
        )
        return cls(facts, Outbox(run.store), run.warehouse, logger, run.store)

    def begin(self) -> None:
        """Mark the run as running, in the background, so that an unavailable lake delays the run once, not twice."""
        facts = self.facts
        mark = RunningMark.here(
            run_id=facts.run_id,
            run_name=facts.run_name,
            warehouse=facts.warehouse,
            parameters=facts.parameters,
            started_at=facts.started_at,
        )
        consequence = "where this run is killed, it has no record; nor have those that the lake did not take before"

        def put() -> None:
            RunningMarks(self.store).put(mark)
            self._spool.flush(self.outbox)

        self._marking = Thread(target=self._attempt, args=(consequence, put), name="running-mark", daemon=True)
        self._marking.start()

    def prepare(self) -> bool:
        """Make the tables that dbt reads, and find the streams with quarantine. Return whether the tables exist.

        It needs the writer's lock.
        """
        self._attempt("its tables are not there", self._prepare)
        return self._has_tables

    def write(self, report: RunReport, state: RunState) -> RunRecord | None:
        """Write the run's document to the outbox, and return it; None if it could not be written."""
        return self._attempt("the run's record was not written", lambda: self._write(report, state))

    def take_in(self, record: RunRecord | None) -> None:
        """Import all waiting records, including `record`, and show them to readers. It needs the writer's lock."""
        self._attempt("the records of runs wait in the lake for the next run", lambda: self._take_in(record))

    @property
    def _spool(self) -> Spool:
        return Spool(self.facts.settings.runs_dir)

    def _prepare(self) -> None:
        schemas = self.facts.settings.schemas
        with self.warehouse.connect(Purpose.PUBLISH) as session:
            ensure_ops_tables(session, schemas.mart)
            self._has_tables = True
            ledger = Ledger(session, schemas.raw)
            self._with_quarantine = ledger.streams_with_quarantine() if ledger.exists() else frozenset()

    def _write(self, report: RunReport, state: RunState) -> RunRecord:
        quarantine = self._attempt("quarantine was not counted", lambda: self._quarantine(report)) or ()
        changes = self._attempt("schema changes are not recorded", lambda: self._changes(report)) or ()
        record = record_of(
            report,
            self.facts,
            state=state,
            ended_at=datetime.now(UTC),
            quarantine=quarantine,
            schema_changes=changes,
        )
        if state == "interrupted" and not record.streams:
            record = self._attempt("what it landed is not recorded", lambda: self._with_landed(record)) or record
        _put(self.outbox, self._spool, record)
        if self._marking is not None:
            self._marking.join()
            RunningMarks(self.store).remove(self.facts.run_id)
            self._marking = None
        return record

    def _with_landed(self, record: RunRecord) -> RunRecord:
        """Return the record of a run that was aborted while streams landed, completed with the commits in the log."""
        rows = landed_rows(self.store, self.facts.registry, self.facts.run_id, self.facts.started_at)
        landed, refused = (sum(getattr(row, name) or 0 for row in rows) for name in ("rows_landed", "rows_quarantined"))
        counts = {"streams": len(rows), "rows_landed": landed, "rows_quarantined": refused}
        return record.model_copy(update={"run": record.run.model_copy(update=counts), "streams": rows})

    def _quarantine(self, report: RunReport) -> tuple[QuarantineRow, ...]:
        """Return the quarantine rows of all streams that have some.

        A run that has not reached the warehouse returns only the rows of streams in which it landed some. A run that
        builds a part counts only streams whose quarantine its loads may have changed, and returns what is open and what
        these loads changed. A run that builds everything returns all rows of all streams.
        """
        own = {each.stream for each in report.streams if each.result is not None and each.result.rows_quarantined}
        registry = self.facts.registry
        contracts = [registry[stream] for stream in sorted(own | self._with_quarantine) if stream in registry]
        loaded = None
        if report.plan is not None and not report.plan.whole:
            loaded = {load.stream: load.commits for load in report.loads}
            contracts = [
                contract
                for contract in contracts
                if contract.stream in own or may_differ(self.store, contract, loaded.get(contract.stream, ()))
            ]
        kept = KeptCounts(self.facts.settings.runs_dir)
        return quarantine_rows(self.store, contracts, self.facts.run_id, kept, loaded)

    def _changes(self, report: RunReport) -> tuple[SchemaChangeRow, ...]:
        """Return the rows of all schema changes. A record that is written again has the same rows."""
        found = changes_of(report)
        if self._change_rows is None and found:
            known = KnownChanges.read(self.store)
            self._change_rows = change_rows(self.facts.run_id, found, known)
            self._attempt("schema changes are told of by the next run", lambda: self._tell(known, found))
        return self._change_rows or ()

    def _tell(self, known: KnownChanges, found: Changes) -> None:
        """Send the alerts first, then record that they were sent: a fault in between sends an alert twice,
        not never.
        """
        send_alerts([row for row in self._change_rows or () if row.is_new])
        after = known.after(found)
        if after != known:
            after.write(self.store)

    def _take_in(self, record: RunRecord | None) -> None:
        for mark in RunningMarks(self.store).all():
            if mark.is_gone:
                complete(self.store, self.facts.registry, mark)
        settings = self.facts.settings
        take_in(
            self.outbox,
            self.warehouse,
            settings.schemas.mart,
            keep=settings.ops_keep,
            known=record,
            has_tables=self._has_tables,
        )

    def _attempt(self, consequence: str, work: Callable[[], T]) -> T | None:
        """Do `work`, and return its result; None if it failed."""
        try:
            return work()
        except Exception as error:
            # Any error: a fault in recording must not fail the run.
            self.logger.warning("the platform's own data: %s: %s", consequence, error, exc_info=True)
            self.remarks.append(f"The platform's own data: {consequence}: {first_line(error)}")
            return None
