"""Plans a run's build, and writes the mark of what it built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from ingest.contracts.registry import ContractRegistry
from ingest.errors import PlatformError
from ingest.lake.heads import Heads, read_heads
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger
from orchestration.built.holdings import Holdings
from orchestration.built.mark import Built, BuiltMark, StreamVersion
from orchestration.built.plan import Plan, Present, checked, needs_full_refresh, plan, settled
from orchestration.built.project import business_days, fingerprint
from orchestration.prefect.run.parameters import RunParameters
from orchestration.prefect.run.services import StepServices
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.protocol import Purpose, Session, Warehouse


@dataclass
class Changes:
    """The changes since the last publication as one run sees them, and the mark of what that run publishes."""

    run_id: str
    parameters: RunParameters
    settings: OrchestrationSettings
    registry: ContractRegistry
    store: ObjectStore
    warehouse: Warehouse
    _built: Built | None = field(default=None, init=False)
    _present: Present | None = field(default=None, init=False)
    _published: Plan | None = field(default=None, init=False)

    @classmethod
    def of(cls, run: StepServices) -> Changes:
        """Return the changes as `run` sees them."""
        return cls(
            run_id=run.run_id,
            parameters=run.parameters,
            settings=run.settings,
            registry=run.registry,
            store=run.store,
            warehouse=run.warehouse,
        )

    @cached_property
    def mark(self) -> BuiltMark:
        """The mark of this run's warehouse."""
        return BuiltMark(self.store, self.warehouse.identity)

    def are_none(self) -> bool:
        """Return whether the marts already are what this run would build. It makes no request to the warehouse."""
        if not self.parameters.builds_what_is_new:
            return False
        built = self.mark.read()
        if built is None or built.files != self.warehouse.unopened_state():
            return False
        if self._heads.damaged:
            return False
        return plan(built, self._seen(self._landed), whole_every=self.settings.build_all_every).is_nothing

    def settled(self, session: Session) -> dict[str, StreamVersion]:
        """Return the streams that need no preparation, load and comparison, by the ledger; none if everything
        is built.
        """
        if not self.parameters.builds_what_is_new or self.warehouse.unopened_state() is None:
            return {}
        built, holdings = self.mark.read(), Holdings.of(session, self.settings.schemas)
        planned = plan(built, self._seen(holdings.streams), whole_every=self.settings.build_all_every)
        whole = checked(planned, built, holdings, []).whole or needs_full_refresh(built, holdings, [], self.registry)
        return {} if whole else settled(built, holdings, self._landed)

    def planned(self, loads: Sequence[LoadResult]) -> tuple[Plan, bool]:
        """Return the plan of the build after these loads, and whether incremental models are built anew.

        It needs the writer's lock.
        """
        with self.warehouse.connect(Purpose.AUDIT) as session:
            holdings = Holdings.of(session, self.settings.schemas)
        self._built = self.mark.read()
        self._present = self._seen(holdings.streams)
        refresh = self.parameters.full_refresh or needs_full_refresh(self._built, holdings, loads, self.registry)
        if refresh:
            return Plan("incremental models are built anew"), True
        if not self.parameters.builds_what_is_new:
            return Plan("the run was asked to check all of it"), False
        if self.warehouse.unopened_state() is None:
            return Plan("readers have nothing yet"), False
        planned = plan(self._built, self._present, whole_every=self.settings.build_all_every)
        return checked(planned, self._built, holdings, loads), False

    def begin(self, planned: Plan) -> None:
        """Record the parts of the plan that the next run would not build again if this one breaks off.

        Raises the object store's errors.
        """
        if not planned.is_of_another_time:
            return
        if self._built is not None:
            self.mark.begin(self._built, self.run_id)
            return
        try:
            self.mark.forget()
        except PlatformError as error:  # there was no readable mark, so none is assumed
            get_logger(run_id=self.run_id).warning("the mark of the build cannot be written", error=str(error))

    def are_published(self, planned: Plan) -> None:
        """Record that the marts match the plan: this run published them, or an earlier one if there was nothing to
        build.
        """
        self._published = planned

    def note(self) -> None:
        """Write the mark of the published marts, if there are any.

        Call it after the warehouse is closed for the last time.
        """
        planned, present, before = self._published, self._present, self._built
        if planned is None or present is None:
            return
        published_by = before.run_id if planned.is_nothing and before is not None else self.run_id
        self.mark.write(
            Built(
                run_id=published_by,
                project=present.project,
                days=present.days,
                streams=present.streams,
                whole_at=present.at if planned.whole or before is None else before.whole_at,
                files=self.warehouse.unopened_state() or "",
            )
        )

    @cached_property
    def _heads(self) -> Heads:
        """The heads of all streams, read after the ingestion."""
        return read_heads(self.store, list(self.registry.values()))

    @property
    def _landed(self) -> dict[str, StreamVersion]:
        return {stream: StreamVersion.of(head) for stream, head in self._heads.commits.items() if head is not None}

    def _seen(self, streams: dict[str, StreamVersion]) -> Present:
        now = datetime.now(UTC)
        # RAW may hold streams that no longer have a contract.
        known = {stream: version for stream, version in streams.items() if stream in self.registry}
        return Present(fingerprint(self.settings), business_days(self.settings, now), known, now)
