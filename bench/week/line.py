"""One shop, one lake and one warehouse, and the runs over them: the flow's steps in their order, without Prefect.

A run that skips dbt still records a publication, so that the next run plans as if it had built. The next build also
builds the skipped nodes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from time import monotonic
from typing import TypeVar
from uuid import uuid4

from bench.measure import BenchError
from bench.week.builds import Build, Builder
from bench.week.facts import Alone, Kind, Run
from bench.week.rhythm import Quarter
from bench.week.selection import Graph
from ingest.apart import attempt_all
from ingest.contracts.registry import ContractRegistry
from ingest.errors import PlatformError
from ingest.lake import layout
from ingest.lake.commit import Commit, CommitKind
from ingest.lake.heads import read_heads
from ingest.lake.objects.store import ObjectStore
from ingest.run.context import StreamResult
from ingest.run.runner import open_ingestion
from ingest.settings import IngestSettings
from orchestration.built.mark import StreamVersion
from orchestration.built.plan import Plan
from orchestration.dbt.project import dbt_project
from orchestration.dbt.runner import NOT_FOR_DBT, NOT_OF_A_RUN
from orchestration.prefect.run.changes import Changes
from orchestration.prefect.run.parameters import RunParameters
from orchestration.prefect.run.recording import Recorder
from orchestration.prefect.run.services import StepServices
from orchestration.progress import LogProgress
from orchestration.reconcile.comparison import Reconciler, Reconciliation, SourceSide, require_equal
from orchestration.reconcile.kept import KeptCounts
from orchestration.report import RunReport, StreamOutcome
from orchestration.runs import RunFolder
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader, LoadResult, load_streams
from orchestration.warehouse.protocol import Purpose
from orchestration.warehouse.publication import PublicationRecord, record_publication

T = TypeVar("T")
Requests = Callable[[], Mapping[str, int]]
_LOGGER = logging.getLogger("bench.week")


@dataclass
class Line:
    """The shop, lake and warehouse of a simulated week.

    `requests` returns S3's count of requests. Call `run` for each run.
    """

    settings: OrchestrationSettings
    ingest_settings: IngestSettings
    warehouse: DuckDBWarehouse
    builder: Builder
    requests: Requests
    _graph: Graph | None = None
    _of_all: Mapping[str, int] = field(default_factory=dict)
    _not_built: list[Plan] = field(default_factory=list)
    _spent: dict[str, dict[str, int]] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)

    @cached_property
    def registry(self) -> ContractRegistry:
        """The contracts of all streams."""
        return ContractRegistry.load(self.settings.contracts_dir)

    @cached_property
    def store(self) -> ObjectStore:
        """The lake."""
        return ObjectStore(self.settings.lake)

    @property
    def graph(self) -> Graph:
        """dbt's graph, which is known after the first build."""
        if self._graph is None:
            self._graph = Graph.read(self.builder.target)
        return self._graph

    def alone(self, stream: str) -> Alone:
        """Return the nodes that dbt runs if only one stream has new rows, and the number of their statements."""
        nodes = self.graph.selected(Plan(streams=(stream,)), list(self.registry.values()))
        statements = sum(count for name, count in self._of_news.items() if not name or name in nodes)
        return Alone(nodes=len(nodes), statements=statements)

    def run(self, quarter: Quarter, number: int, *, builds: bool) -> Run:
        """Run the flow's steps at the quarter's moment. With `builds`, dbt is run if there is something to build.

        Raises PlatformError and BenchError for any failure.
        """
        self._spent, self._seconds = {}, {}
        run = self._services(quarter)
        recorder = Recorder.of(run, datetime.now(UTC), _LOGGER)
        recorder.begin()
        with self._step("ingest"):
            outcomes = self._ingest(run, quarter.looks_for_deletions)
        changes = Changes.of(run)
        build: Build | None = None
        with self._step("plan"):
            is_idle = changes.are_none()
        if is_idle:
            planned = Plan()
            with self._step("reconcile"):
                counted = self._reconciler.reconcile_without_warehouse(run.selected, _sources(outcomes))
                require_equal(counted)
            recorder.write(RunReport(run.run_id, 0.0, tuple(outcomes), plan=planned, is_idle=True), "completed")
        else:
            with self.warehouse.lock(run.run_id, wait=timedelta(0)):
                planned, build = self._in_warehouse(run, recorder, changes, outcomes, builds)
                changes.note()
        if recorder.remarks:
            raise BenchError(f"run {number}: {recorder.remarks[0]}")
        return self._facts(number, planned, build, outcomes)

    def _services(self, quarter: Quarter) -> StepServices:
        """Return the services of a scheduled run, at the business's moment.

        Waits that would be over by then are over.
        """
        settings = self.settings.model_copy(
            update={
                "business_now": quarter.at,
                "build_all_every_hours": 0.0 if quarter.is_whole else self.settings.build_all_every_hours,
            }
        )
        return StepServices(
            run_id=str(uuid4()),
            parameters=RunParameters.of(keys=False),
            settings=settings,
            ingest_settings=self.ingest_settings,
            registry=self.registry,
            selected=tuple(self.registry.values()),
            store=self.store,
            warehouse=self.warehouse,
            progress=LogProgress(_LOGGER),
        )

    def _ingest(self, run: StepServices, looks_for_deletions: bool) -> list[StreamOutcome]:
        heads = read_heads(run.store, run.selected)
        with open_ingestion(run.ingest_settings, run.selected, run.run_id, store=run.store) as ingestion:

            def one(stream: str) -> StreamResult:
                lands_keys = run.registry[stream].lands_keys
                return ingestion.ingest(
                    stream, keys=lands_keys and looks_for_deletions, count=looks_for_deletions or not lands_keys
                )

            landed = attempt_all(run.registry, one, at_once=run.ingest_settings.concurrency)
        return [_outcome(each.stream, each.result, each.error, heads.version(each.stream)) for each in landed]

    def _in_warehouse(
        self,
        run: StepServices,
        recorder: Recorder,
        changes: Changes,
        outcomes: Sequence[StreamOutcome],
        builds: bool,
    ) -> tuple[Plan, Build | None]:
        with self._step("load"):
            loads, settled = self._load(run, changes)
        with self._step("plan"):
            planned, full_refresh = changes.planned(loads)
            recorder.prepare()
            changes.begin(planned)
        if full_refresh:
            raise BenchError("the week has a run whose incremental models are to be built anew")
        build = None
        self._not_built.append(planned)
        is_built = builds or bool(planned.whole)
        if is_built:
            with self._step("dbt"):
                build = self._build(run, planned, outcomes)
        with self._step("reconcile"):
            counted = self._reconcile(run, outcomes, frozenset() if planned.whole else frozenset(settled))
        with self._step("publish"):
            self._publish(run, counted, to_readers=is_built)
        changes.are_published(planned)
        with self._step("record"):
            report = RunReport(
                run.run_id, 0.0, tuple(outcomes), tuple(loads), plan=planned, reconciliations=tuple(counted)
            )
            recorder.take_in(recorder.write(report, "completed"))
        return planned, build

    def _load(self, run: StepServices, changes: Changes) -> tuple[list[LoadResult], Mapping[str, StreamVersion]]:
        """Load new versions. Return the results, and the versions of streams that have nothing to load."""
        loader = Loader(run.store, run.settings.schemas.raw, run_id=run.run_id)
        with self.warehouse.connect() as session:
            settled = changes.settled(session)
            others = [contract for contract in run.selected if contract.stream not in settled]
            outcomes = load_streams(loader, session, others, concurrency=run.settings.load_concurrency)
        loaded = [_required(each.result, each.error) for each in outcomes]
        return [*loaded, *(LoadResult(stream, version.version) for stream, version in settled.items())], settled

    def _build(self, run: StepServices, planned: Plan, outcomes: Sequence[StreamOutcome]) -> Build:
        """Build the planned nodes and the nodes skipped before. Raises BenchError if dbt runs other nodes."""
        waiting, self._not_built = self._not_built, []
        both = replace(
            planned,
            streams=tuple(sorted({stream for one in waiting for stream in one.streams})),
            new_day=any(one.new_day for one in waiting),
        )
        looked = any(run.registry[item.stream].lands_keys and _side(item) for item in outcomes)
        selection = [f"--select={item}" for item in both.selection(list(run.registry.values()))]
        built = self._run_dbt(run, selection, full_tests=bool(planned.whole) or looked)
        if others := self.graph.selected(both, list(run.registry.values())) ^ built.nodes.keys():
            raise BenchError(f"dbt ran other nodes than those of {both}: {', '.join(sorted(others)[:5])}")
        if both.whole:
            self._of_news = built.of_news
        # Only the statements of this run's own plan are counted: those of the same nodes, if it built more.
        own = self.graph.selected(planned, list(run.registry.values()))
        statements = {name: count for name, count in built.statements.items() if not name or name in own}
        return replace(
            built, nodes={name: how for name, how in built.nodes.items() if name in own}, statements=statements
        )

    def _run_dbt(self, run: StepServices, options: Sequence[str], *, full_tests: bool) -> Build:
        folder = RunFolder(self.builder.target.parent, self.builder.target / "partial_parse.msgpack")
        project = dbt_project(run.settings, self.warehouse, folder, full_tests=full_tests)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_DBT)}
        environment = {**inherited, **project.environment, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        exclude = [f"--exclude={item}" for item in NOT_OF_A_RUN]
        return self.builder.build(environment, [f"--target={project.target}", *options, *exclude])

    def build_anew(self, quarter: Quarter) -> None:
        """Build all models by a full refresh, from the same RAW and the same snapshots."""
        run = self._services(quarter)
        self._run_dbt(run, ["--full-refresh", "--exclude=resource_type:snapshot"], full_tests=True)

    @property
    def _reconciler(self) -> Reconciler:
        kept = KeptCounts(self.settings.runs_dir, anew=False)
        return Reconciler(self.store, self.settings.schemas, concurrency=self.settings.load_concurrency, kept=kept)

    def _reconcile(
        self, run: StepServices, outcomes: Sequence[StreamOutcome], settled: frozenset[str]
    ) -> list[Reconciliation]:
        with self.warehouse.connect(Purpose.AUDIT) as session:
            counted = self._reconciler.reconcile(
                session, run.selected, _sources(outcomes), staging=True, settled=settled
            )
        require_equal(counted)
        return counted

    def _publish(self, run: StepServices, counted: Sequence[Reconciliation], *, to_readers: bool) -> None:
        record = PublicationRecord(
            run_id=run.run_id,
            published_at=datetime.now(UTC),
            business_time=run.settings.business_now or datetime.now(UTC),
            streams=len(run.registry),
            equal=sum(item.source is not None for item in counted),
            uncounted=tuple(item.stream for item in counted if item.source is None),
            failed=(),
        )
        with self.warehouse.connect(Purpose.PUBLISH) as session:
            record_publication(session, run.settings.schemas.mart, record)
        if to_readers:
            self.warehouse.publish(run.run_id)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        before, started = dict(self.requests()), monotonic()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + monotonic() - started
        spent = self._spent.setdefault(name, {})
        for price, count in self.requests().items():
            spent[price] = spent.get(price, 0) + count - before.get(price, 0)

    def _facts(self, number: int, planned: Plan, build: Build | None, outcomes: Sequence[StreamOutcome]) -> Run:
        commits = [commit for item in outcomes if item.result for commit in item.result.commits]
        data = [commit for commit in commits if commit.kind is not CommitKind.DELETES]
        deletes = [commit for commit in commits if commit.kind is CommitKind.DELETES]
        kind = Kind.WHOLE if planned.whole else Kind.IDLE if planned.is_nothing else Kind.PARTIAL
        beside = [item for stream in self.registry for item in self._beside(stream, commits)]
        return Run(
            number=number,
            kind=kind,
            news=tuple(planned.streams),
            commits=len(commits),
            rows=sum(commit.rows for commit in data),
            files=sum(len(commit.files) for commit in data),
            bytes=sum(commit.size for commit in data),
            keys=sum(commit.rows for commit in deletes),
            key_files=sum(len(commit.files) for commit in deletes) + len(beside),
            key_bytes=sum(commit.size for commit in deletes) + sum(beside),
            selected=len(self.graph.selected(planned, list(self.registry.values()))),
            statements=None if build is None else sum(build.statements.values()),
            requests=self._spent,
            seconds=self._seconds,
        )

    def _beside(self, stream: str, commits: Sequence[Commit]) -> list[int]:
        """Return the bytes of each object that these commits have put beside the log for later keys passes."""
        versions = {commit.version for commit in commits if commit.stream == stream}
        if not versions:
            return []
        found = self.store.list(f"{layout.KEYS}/{stream}/")
        return [item.bytes for item in found if layout.file_version(item.key) in versions]


def _outcome(stream: str, result: StreamResult | None, error: PlatformError | None, before: int) -> StreamOutcome:
    landed = _required(result, error)
    version = landed.commits[-1].version if landed.commits else before
    return StreamOutcome(stream, version=version, result=landed)


def _sources(outcomes: Sequence[StreamOutcome]) -> dict[str, SourceSide]:
    return {item.stream: side for item in outcomes if (side := _side(item)) is not None}


def _side(outcome: StreamOutcome) -> SourceSide | None:
    counted = outcome.result.source_count if outcome.result else None
    return SourceSide(counted.rows, counted.in_flight, outcome.version) if counted else None


def _required(result: T | None, error: PlatformError | None) -> T:
    if error is not None:
        raise error
    if result is None:
        raise BenchError("a stream has neither a result nor an error")
    return result
