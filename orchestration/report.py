"""The report of one run of the flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ingest.apart import Outcome
from ingest.errors import PlatformError
from ingest.run.context import StreamResult
from orchestration.built.plan import Plan
from orchestration.dbt.events import NodeFinished
from orchestration.reconcile.comparison import Reconciliation
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.protocol import Publication


@dataclass(frozen=True)
class StreamOutcome(Outcome[StreamResult]):
    """One stream's ingestion: its result, or the error that ended it.

    `version` is the stream's newest version in the lake afterwards. `overtaken` is the message of a conflict with
    another writer. It is no failure: that writer's commits are loaded.
    """

    version: int = 0
    overtaken: str | None = None


@dataclass(frozen=True)
class RunReport:
    """The report of a run, part by part. A part that was skipped, or never reached, is empty or None.

    `plan` is the planned build. A run `is_idle` if there was nothing to build and the warehouse was not used.
    """

    run_id: str
    seconds: float
    streams: tuple[StreamOutcome, ...] = ()
    loads: tuple[LoadResult, ...] = ()
    nodes: tuple[NodeFinished, ...] = ()
    plan: Plan | None = None
    full_refresh: bool = False
    reconciliations: tuple[Reconciliation, ...] = ()
    publication: Publication | None = None
    problems: tuple[PlatformError, ...] = ()
    step_seconds: Mapping[str, float] = field(default_factory=dict)
    """By step: ingest, wait (for the writer's lock), load, dbt, reconcile, publish. Those that it has reached."""
    published_at: datetime | None = None
    is_idle: bool = False
    """Whether it found nothing new, and left the warehouse alone."""
    remarks: tuple[str, ...] = ()
    """What went wrong beside the run, and changes nothing of it."""

    @property
    def warnings(self) -> tuple[NodeFinished, ...]:
        """The dbt tests that warned about oddities of the source. The test with the most rows comes first."""
        warned = [node for node in self.nodes if node.warned]
        return tuple(sorted(warned, key=lambda node: (-(node.failures or 0), node.name)))


class RunFailedError(PlatformError):
    """The run ended with `report.problems`. The first problem decides the exit code."""

    def __init__(
        self, message: str, *, stream: str | None = None, hint: str | None = None, report: RunReport | None = None
    ) -> None:
        super().__init__(message, stream=stream, hint=hint)
        self.report = report
        if report is not None and report.problems:
            self.exit_code = report.problems[0].exit_code

    @classmethod
    def of(cls, report: RunReport) -> RunFailedError:
        """Return the error for a report with problems."""
        return cls(_summary(report.problems), report=report)


def _summary(problems: Sequence[PlatformError]) -> str:
    if len(problems) == 1:
        return str(problems[0])
    return f"{len(problems)} problems:\n" + "\n".join(f"  {problem}" for problem in problems)
