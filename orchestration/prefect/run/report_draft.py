"""The report of a run while it grows: each step adds to it, and a run that fails shows what it has so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from uuid import UUID

from ingest.errors import PlatformError
from orchestration.built.mark import StreamVersion
from orchestration.built.plan import Plan
from orchestration.dbt.events import NodeFinished
from orchestration.reconcile.comparison import Reconciliation
from orchestration.report import RunReport, StreamOutcome
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.ops.rows import RunRecord
from orchestration.warehouse.protocol import Publication


@dataclass
class ReportDraft:
    """The report while it grows.

    `load_runs` are the task runs that loaded streams, `leaves_out` is dbt's exclusion. For `settled` streams the ledger
    shows that the warehouse has all that the lake has. `recorded` is the record that was written.
    """

    run_id: str
    started: float = field(default_factory=monotonic)
    streams: list[StreamOutcome] = field(default_factory=list)
    loads: list[LoadResult] = field(default_factory=list)
    load_runs: dict[str, UUID] = field(default_factory=dict)
    leaves_out: tuple[str, ...] = ()
    settled: Mapping[str, StreamVersion] = field(default_factory=dict)
    nodes: list[NodeFinished] = field(default_factory=list)
    plan: Plan | None = None
    full_refresh: bool = False
    reconciliations: list[Reconciliation] = field(default_factory=list)
    publication: Publication | None = None
    published_at: datetime | None = None
    problems: list[PlatformError] = field(default_factory=list)
    step_seconds: dict[str, float] = field(default_factory=dict)
    is_idle: bool = False
    recorded: RunRecord | None = None

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Record how long the step takes, even if it fails."""
        started = monotonic()
        try:
            yield
        finally:
            self.step_seconds[step] = monotonic() - started

    def report(self, remarks: Sequence[str] = ()) -> RunReport:
        """Return the report so far."""
        return RunReport(
            run_id=self.run_id,
            seconds=monotonic() - self.started,
            streams=tuple(self.streams),
            loads=tuple(self.loads),
            nodes=tuple(self.nodes),
            plan=self.plan,
            full_refresh=self.full_refresh,
            reconciliations=tuple(self.reconciliations),
            publication=self.publication,
            published_at=self.published_at,
            problems=tuple(self.problems),
            step_seconds=dict(self.step_seconds),
            is_idle=self.is_idle,
            remarks=tuple(remarks),
        )
