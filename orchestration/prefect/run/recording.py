"""Records what a run did: its document in the outbox, then all that wait there into the warehouse's tables.

Nothing that goes wrong here fails a run, or hides its own error: it is logged, shown as a remark on the run, and the
outbox keeps the document for the next run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from ingest.errors import first_line
from ingest.lake.store import ObjectStore
from orchestration.ops.outbox import Outbox
from orchestration.ops.quarantine import quarantine_rows
from orchestration.ops.record import RunFacts, record_of
from orchestration.prefect.run.services import StepServices
from orchestration.progress import Logger
from orchestration.report import RunReport
from orchestration.warehouse.ledger import Ledger
from orchestration.warehouse.ops.rows import QuarantineRow, RunRecord, RunState
from orchestration.warehouse.ops.tables import READERS_VIEWS, ensure_ops_tables, import_records, ops_tables
from orchestration.warehouse.protocol import Purpose, Rows, Warehouse

T = TypeVar("T")


@dataclass
class Recorder:
    """The record of one run. `remarks` are what went wrong with it."""

    facts: RunFacts
    outbox: Outbox
    warehouse: Warehouse
    logger: Logger
    store: ObjectStore
    remarks: list[str] = field(default_factory=list)
    _has_tables: bool = False
    _with_quarantine: frozenset[str] = frozenset()

    @classmethod
    def of(cls, run: StepServices, started_at: datetime, logger: Logger) -> Recorder:
        """The recorder of a run that began at `started_at`."""
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

    def prepare(self) -> None:
        """Make the tables, which dbt's tests read; note which streams have quarantine. Only under the writer's lock."""
        self._attempt("its tables are not there", self._prepare)

    def write(self, report: RunReport, state: RunState) -> RunRecord | None:
        """Leave the run's document in the outbox; None where it could not be."""
        return self._attempt("the run's record was not written", lambda: self._write(report, state))

    def take_in(self, record: RunRecord | None) -> None:
        """Import all that waits, `record` among it, and show it to readers. Only under the writer's lock."""
        self._attempt("the records of runs wait in the lake for the next run", lambda: self._take_in(record))

    def _prepare(self) -> None:
        schemas = self.facts.settings.schemas
        with self.warehouse.connect(Purpose.PUBLISH) as session:
            ensure_ops_tables(session, schemas.mart)
            self._has_tables = True
            self._with_quarantine = Ledger(session, schemas.raw).streams_with_quarantine()

    def _write(self, report: RunReport, state: RunState) -> RunRecord:
        quarantine = self._attempt("quarantine was not counted", lambda: self._quarantine(report)) or ()
        record = record_of(report, self.facts, state=state, ended_at=datetime.now(UTC), quarantine=quarantine)
        self.outbox.put(record)
        return record

    def _quarantine(self, report: RunReport) -> tuple[QuarantineRow, ...]:
        """Of all streams that have some; of a run that has not come as far as the warehouse, where it landed some."""
        own = {each.stream for each in report.streams if each.result is not None and each.result.rows_quarantined}
        registry = self.facts.registry
        contracts = [registry[stream] for stream in sorted(own | self._with_quarantine) if stream in registry]
        return quarantine_rows(self.store, contracts, self.facts.run_id)

    def _take_in(self, record: RunRecord | None) -> None:
        waiting = self.outbox.waiting(record)
        if not waiting:
            return
        mart = self.facts.settings.schemas.mart
        with self.warehouse.connect(Purpose.PUBLISH) as session:
            if not self._has_tables:
                ensure_ops_tables(session, mart)
            import_records(session, mart, waiting, keep=self.facts.settings.ops_keep)
        self.warehouse.show_rows(
            Rows(
                tables=frozenset(table.name for table in ops_tables(mart)),
                views=READERS_VIEWS,
                column="run_id",
                values=tuple(each.run.run_id for each in waiting),
            )
        )
        self.outbox.remove(waiting)

    def _attempt(self, consequence: str, work: Callable[[], T]) -> T | None:
        """Do it; None where it failed."""
        try:
            return work()
        except Exception as error:
            # Any: a fault in the record of a run is no reason to lose the run.
            self.logger.warning("the platform's own data: %s: %s", consequence, error, exc_info=True)
            self.remarks.append(f"The platform's own data: {consequence}: {first_line(error)}")
            return None
