"""The flow from source to published marts, and its behaviour in case of faults."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg2
import pytest
from prefect.client.schemas.objects import StateType, TaskRunResult

from ingest.contracts.registry import ContractRegistry
from ingest.errors import ConfigurationError, ConflictError, DataError, TransientError
from ingest.lake.empty_commit import append_replay
from ingest.lake.objects.store import ObjectStore
from ingest.lake.read_mark import CountMark
from ingest.run.context import StreamResult
from ingest.run.runner import Ingestion
from orchestration.dbt.events import NodeFinished, NodeStarted, NodeStatus
from orchestration.progress import report_to
from orchestration.reconcile.comparison import Reconciliation, ReconciliationError
from orchestration.report import RunReport, StreamOutcome
from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.protocol import Publication
from tests.ingest.sources.api.fake_provider import fake_provider
from tests.orchestration.flow.conftest import Platform
from tests.orchestration.flow.own_data import check_own_data, published, waiting, waiting_records

STREAMS = set(ContractRegistry.load())


class Heard:
    """A Progress that records events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []

    def step(self, name: str, detail: str = "") -> None:
        self.events.append(("step", name))

    def stream_started(self, stream: str) -> None:
        self.events.append(("started", stream))

    def stream_read(self, stream: str, records: int) -> None:
        self.events.append(("read", stream))

    def stream_finished(self, outcome: StreamOutcome) -> None:
        self.events.append(("finished", outcome.stream))

    def loaded(self, result: LoadResult) -> None:
        self.events.append(("loaded", result.stream))

    def dbt_started(self, node: NodeStarted) -> None:
        self.events.append(("dbt started", node.unique_id))

    def dbt_finished(self, node: NodeFinished) -> None:
        self.events.append(("dbt finished", node.unique_id))

    def reconciled(self, reconciliation: Reconciliation) -> None:
        self.events.append(("reconciled", reconciliation.stream))

    def published(self, publication: Publication) -> None:
        self.events.append(("published", publication.location))

    def of(self, kind: str) -> list[object]:
        return [subject for event, subject in self.events if event == kind]


def change_shop(platform: Platform, *statements: str) -> None:
    """Change the shop as its owner."""
    with closing(psycopg2.connect(platform.shop.owner_dsn)) as connection, connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def on_ingest(monkeypatch: pytest.MonkeyPatch, stream: str, then: Callable[[int], StreamResult | None]) -> list[str]:
    """Call `then` (with the number of the call) at each ingestion of `stream`.

    Return a list that grows with the calls.
    """
    original, calls = Ingestion.ingest, []

    def ingest(self: Ingestion, name: str, *, keys: bool = True, count: bool = True) -> StreamResult:
        if name == stream:
            calls.append(name)
            result = then(len(calls))
            if result is not None:
                return result
        return original(self, name, keys=keys, count=count)

    monkeypatch.setattr(Ingestion, "ingest", ingest)
    return calls


def test_from_source_to_publication_and_a_lost_row_is_not_published(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All streams, with each event reported and each task run recorded; then a row is lost in RAW."""
    monkeypatch.setenv("WITH_RAW", "yes")
    heard = Heard()
    with report_to(heard):
        report = platform.run()

    assert report.problems == ()
    assert {outcome.stream for outcome in report.streams} == STREAMS
    assert all(item.equal and item.source is not None for item in report.reconciliations)
    assert heard.of("step") == ["ingest", "load", "dbt", "reconcile", "publish"]
    assert set(heard.of("started")) == set(heard.of("finished")) == set(heard.of("loaded")) == STREAMS
    assert sorted(map(str, heard.of("dbt started"))) == sorted(map(str, heard.of("dbt finished")))
    assert heard.of("published") == [str(platform.warehouse.published_path)]
    places = "select count(*) from places"
    assert run_query(platform.warehouse.published_path, places, limit=None).rows == ((6,),)
    record = "select run_id, streams, streams_equal, uncounted_streams, failed_streams from _publication"
    assert run_query(platform.warehouse.published_path, record, limit=None).rows == ((report.run_id, 9, 9, "", ""),)
    _check_task_runs(platform, report)
    check_own_data(platform, report)
    first = report.run_id

    with platform.warehouse.connect() as session:
        session.execute("delete from raw.warehouses where warehouse_id = 1")
    report = platform.failed_run(streams=["warehouses"])
    [problem] = report.problems
    assert isinstance(problem, ReconciliationError)
    assert "the lake has 6 current rows, RAW 5" in str(problem)
    assert report.publication is None
    assert [item.equal for item in report.reconciliations] == [False]
    assert platform.task_runs(report)["reconcile"].state_type is StateType.FAILED
    assert run_query(platform.warehouse.published_path, places, limit=None).rows == ((6,),)
    # Readers see the failed run beside the marts of the one before.
    runs = "select run_id, state, published_at is null, problem like '%RAW 5%' from ops_runs order by started_at"
    assert published(platform, runs) == [(first, "completed", False, None), (report.run_id, "failed", True, True)]
    unequal = "select run_id, stream, lake_rows, raw_rows from ops_reconciliations where not is_equal"
    assert published(platform, unequal) == [(report.run_id, "warehouses", 6, 5)]
    assert published(platform, "select run_id from _publication") == [(first,)]
    assert waiting(platform) == []


def _check_task_runs(platform: Platform, report: RunReport) -> None:
    """Check that every stream, load and node has a completed task run, and that the nodes' task runs are linked."""
    runs = platform.task_runs(report)
    loads, nodes = {f"load {stream}" for stream in STREAMS}, {node.name for node in report.nodes}
    assert set(runs) == STREAMS | loads | nodes | {"reconcile", "publish"}
    assert {run.state_type for run in runs.values()} == {StateType.COMPLETED}
    assert all(run.start_time and run.end_time and run.start_time <= run.end_time for run in runs.values())
    for node, upstream in (("places", "load warehouses"), ("doubled", "numbers")):
        inputs = runs[node].task_inputs["depends_on"]
        assert [item.id for item in inputs if isinstance(item, TaskRunResult)] == [runs[upstream].id]
    assert {"run-summary", "run-streams", "run-dbt", "run-reconciliation"} <= platform.artifact_keys()


def test_a_failed_node_fails_the_run_and_nothing_is_published(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAK", "sql")
    report = platform.failed_run(streams=["warehouses"])
    [problem] = report.problems
    assert "2 of 7 dbt nodes failed" in str(problem)
    assert {node.name for node in report.nodes if node.status is NodeStatus.SKIPPED} == {"summed"}
    assert report.publication is None
    assert not platform.warehouse.published_path.exists()
    runs = platform.task_runs(report)
    assert runs["doubled"].state_type is StateType.FAILED
    assert runs["doubled"].state is not None
    assert "nonsense" in str(runs["doubled"].state.message)
    assert "Compiled SQL: " in str(runs["doubled"].state.message)
    assert runs["summed"].state_name == "Skipped"
    assert runs["numbers"].state_type is StateType.COMPLETED

    monkeypatch.setenv("BREAK", "")
    mended = platform.run(skip_ingest=True, skip_load=True)
    assert mended.publication is not None
    assert [node.rows for node in mended.nodes if node.name == "numbers"] == [3]


def test_a_stream_that_fails_holds_no_other_up(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column is gone at the source: its stream fails; the others land, load and are reconciled."""
    change_shop(platform, "alter table products drop column attributes")

    def broken(call: int) -> None:
        raise DataError("broken beyond its ratio", stream="campaigns")

    calls = on_ingest(monkeypatch, "campaigns", broken)
    report = platform.failed_run(streams=["products", "warehouses", "campaigns"], skip_dbt=True)

    assert {problem.stream for problem in report.problems} == {"products", "campaigns"}
    with platform.warehouse.connect() as session:
        changes = session.query(
            "select run_id, stream, subject, kind, column_name, expected, found, severity, accept_command, is_new "
            "from main.ops_schema_changes"
        )
        states = session.query("select stream, state from main.ops_run_streams order by 1")
    change = ("column 'attributes'", "column_missing", "attributes", "jsonb", "no such column", "critical")
    assert changes == [(report.run_id, "products", *change, "ingest contract accept products", True)]
    assert states == [("campaigns", "failed"), ("products", "failed"), ("warehouses", "landed")]
    assert calls == ["campaigns"], "what is not transient is not tried again"
    assert {load.stream: load.rows for load in report.loads} == {"products": 0, "warehouses": 6, "campaigns": 0}
    assert [(item.stream, item.source) for item in report.reconciliations if item.source is not None] == [
        ("warehouses", 6)
    ]
    runs = platform.task_runs(report)
    assert runs["products"].state_type is StateType.FAILED
    assert "attributes" in str(runs["products"].state and runs["products"].state.message)
    assert runs["load warehouses"].state_type is StateType.COMPLETED


def test_a_source_that_cannot_be_opened_fails_its_own_streams(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAAS_API_KEY", "wrong")
    monkeypatch.setenv("POSTGRES_DSN", platform.shop.ingest_dsn.replace("ingest:", "nobody:"))
    report = platform.failed_run(streams=["customers", "warehouses", "campaigns"], skip_load=True, skip_dbt=True)
    assert {problem.exit_code for problem in report.problems} == {2}
    assert {problem.stream for problem in report.problems} == {None, "campaigns"}
    assert all(outcome.error is not None for outcome in report.streams)
    assert len(report.problems) == 2, "one source, one problem"
    secret = platform.settings.saas_api_key.get_secret_value()
    assert not any(secret in str(problem) for problem in report.problems)


def test_another_writer_that_won_is_no_failure(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(call: int) -> None:
        raise ConflictError("another writer committed version 1 first", stream="warehouses")

    on_ingest(monkeypatch, "warehouses", overtaken)
    report = platform.run(streams=["warehouses"], skip_dbt=True)
    [outcome] = report.streams
    assert outcome.overtaken is not None
    run = platform.task_runs(report)["warehouses"]
    assert run.state_type is StateType.COMPLETED
    assert run.state is not None
    assert str(run.state.message).startswith("another writer won: another writer committed version 1 first")


def test_a_transient_fault_is_tried_again(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def shaky(call: int) -> None:
        if call < 3:
            raise TransientError("the connection broke")

    calls = on_ingest(monkeypatch, "warehouses", shaky)
    report = platform.run(streams=["warehouses"], skip_dbt=True)
    assert len(calls) == 3
    assert platform.task_runs(report)["warehouses"].run_count == 3

    calls = on_ingest(monkeypatch, "warehouses", lambda call: shaky(0))
    report = platform.failed_run(streams=["warehouses"], skip_load=True, skip_dbt=True)
    assert len(calls) == 3, "and then given up"


def test_a_provider_that_asks_for_an_hour_is_asked_once_and_the_run_says_when(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No loop within or around the task asks again before that."""
    with fake_provider() as provider:
        provider.refusals = [(429, {"Retry-After": "3600"})] * 10
        monkeypatch.setenv("SAAS_BASE_URL", provider.base_url)
        report = platform.failed_run(streams=["email_events", "customers"], skip_dbt=True)
        assert len(provider.refusals) == 9
    [problem] = report.problems
    assert re.search(r"email_events: the API asks to wait .*Come back at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(problem))
    assert platform.task_runs(report)["email_events"].run_count == 1
    assert platform.task_runs(report)["load customers"].state_type is StateType.COMPLETED


@pytest.mark.slow
def test_a_backfill_and_a_replay(platform: Platform) -> None:
    platform.run(streams=["customers"], skip_dbt=True)
    window = {
        "backfill_from": datetime(2000, 1, 1, tzinfo=UTC),
        "backfill_to": datetime.now(UTC) + timedelta(days=1),
    }
    backfilled = platform.run(streams=["customers"], skip_dbt=True, **window)
    [load] = backfilled.loads
    assert load.rows == 100
    [counted] = backfilled.reconciliations
    assert counted.equal
    assert (counted.raw, counted.raw_history) == (100, 200)
    assert counted.source is None
    registry = ContractRegistry.load()
    assert load.backfilled == 100
    assert not load.changes_the_past(registry["customers"])
    assert load.changes_the_past(registry["stock_movements"]), "its rows are never taken back"

    store = ObjectStore(platform.settings.lake)
    append_replay(store, registry["customers"], from_version=1, run_id="by-hand")
    replayed = platform.run(streams=["customers"], skip_ingest=True)
    assert replayed.full_refresh
    assert replayed.loads[0].replayed
    assert replayed.publication is not None


@pytest.mark.slow
def test_runs_that_do_not_look_for_deletions_compare_each_stream_once_its_time_has_come(platform: Platform) -> None:
    """As with `incremental` runs by schedule: the first compares all, and the next ones report what they did not
    compare.
    """
    asked: dict[str, object] = {"streams": ["customers", "warehouses"], "skip_dbt": True, "keys": False}

    def compared(report: RunReport) -> dict[str, bool]:
        assert report.problems == ()
        return {item.stream: item.source is not None for item in report.reconciliations}

    first = platform.run(**asked)
    assert compared(first) == {"customers": True, "warehouses": True}
    change_shop(platform, "delete from customers where customer_id not in (select customer_id from orders)")
    again = platform.run(**asked)
    assert again.publication is None
    assert compared(again) == {"customers": False, "warehouses": True}
    state = platform.flow_run(UUID(again.run_id)).state
    assert state is not None
    assert "2 of 2 streams equal (1 of them not compared with the source)" in str(state.message)
    assert "Not compared with the source** customers (" in platform.artifact(UUID(again.run_id), "run-summary")

    store = ObjectStore(platform.settings.lake)
    mark = CountMark.read(store, "customers")
    assert mark is not None
    CountMark(at=mark.at - timedelta(hours=12)).write(store, "customers")
    found = platform.run(**asked)
    before, after = first.reconciliations[0], found.reconciliations[0]
    assert compared(found) == {"customers": True, "warehouses": True}
    assert before.stream == after.stream == "customers"
    assert after.source == after.lake < before.lake, "the deletions were found"


def test_ingestion_alone_leaves_the_warehouse_alone(platform: Platform) -> None:
    report = platform.run(streams=["warehouses"], skip_load=True, skip_dbt=True)
    assert report.loads == ()
    assert report.reconciliations == ()
    assert not platform.warehouse.path.exists()
    [record] = waiting_records(platform)
    assert (record.run.run_id, record.run.state, record.run.rows_landed) == (report.run_id, "completed", 6)


def test_the_lock_s_holder_is_named(platform: Platform) -> None:
    with platform.warehouse.lock("the-other", wait=timedelta(0)):
        report = platform.failed_run(streams=["warehouses"])
    [problem] = report.problems
    assert isinstance(problem, ConflictError)
    assert "being written by run the-other" in str(problem)
    assert report.streams[0].result is not None
    [record] = waiting_records(platform)
    assert (record.run.state, record.run.load_seconds, record.run.rows_landed) == ("failed", None, 6)
    assert "the-other" in str(record.run.problem)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"streams": ["nope"]}, "there is no stream 'nope'"),
        (
            {"backfill_from": datetime(2026, 1, 1, tzinfo=UTC)},
            "backfill_from is given without backfill_to: a window needs both",
        ),
        (
            {"backfill_from": datetime(2026, 1, 2, tzinfo=UTC), "backfill_to": datetime(2026, 1, 1, tzinfo=UTC)},
            "must be before",
        ),
        (
            {"backfill_from": datetime(2026, 1, 1, tzinfo=UTC), "backfill_to": datetime(2026, 1, 2, tzinfo=UTC)},
            "streams named",
        ),
    ],
)
def test_bad_parameters_are_told(platform: Platform, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        platform.run(**parameters)
    [record] = waiting_records(platform)
    assert record.run.state == "refused"
    assert message in str(record.run.problem)
    assert all(name in record.run.parameters for name in parameters)
