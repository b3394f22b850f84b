"""Runs that do not look for deletions do only new work, and none if there is nothing new."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import StateType

from ingest.contracts.registry import ContractRegistry
from ingest.lake.layout import BUILT
from ingest.lake.objects.store import ObjectStore
from orchestration.built.mark import Built, BuiltMark, StreamVersion
from orchestration.built.project import business_days, fingerprint
from orchestration.dbt.runner import DbtFailure, DbtRunner
from orchestration.prefect.show.tables import NOTHING_TO_DO
from orchestration.report import RunReport
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.connect import open_warehouse
from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.duckdb.session import DuckDBSession
from tests.orchestration.flow.conftest import Platform
from tests.orchestration.flow.test_flow import change_shop

PLACES = {"places"}
PARTS = ["customers", "stock_movements", "warehouses"]
NEW: dict[str, object] = {"keys": False, "streams": PARTS}
"""As a scheduled run, without the provider, whose history goes on by the clock."""
OTHERS = {"numbers", "doubled", "few", "summed"}


@pytest.fixture
def published(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A platform whose marts a complete run has published."""
    monkeypatch.setenv("WITH_RAW", "yes")
    monkeypatch.setenv("BUSINESS_NOW", "2026-06-15T12:00:00Z")
    report = platform.run()
    assert report.publication is not None
    assert report.plan is not None
    assert "asked to check all" in report.plan.whole
    return platform


def breaks(*_: object, **__: object) -> None:
    """Fail in place of dbt's build."""
    raise DbtFailure("dbt could not run")


def built(report: RunReport) -> set[str]:
    """Return the models that dbt built."""
    return {node.name for node in report.nodes if node.resource_type == "model"}


@contextmanager
def asked(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield the statements of the run, the ledger's with their parameters, and the tables that it describes."""
    statements: list[str] = []
    with monkeypatch.context() as noted:
        for method in ("execute", "query", "columns", "copy"):
            original = getattr(DuckDBSession, method)

            def note(session: DuckDBSession, what: object, *rest: object, original: Any = original) -> Any:
                of_ledger = "_loads" in str(what).lower()
                statements.append(f"{what} {rest}" if of_ledger else str(what))
                return original(session, what, *rest)

            noted.setattr(DuckDBSession, method, note)
        yield statements


def streams_in(statements: list[str]) -> set[str]:
    """Return the streams whose tables, or whose part of the ledger, the statements name."""
    contracts = set(ContractRegistry.load())
    return {stream for stream in contracts for each in statements if re.search(rf"\b{stream}(__deletes)?\b", each)}


def mark_of(platform: Platform) -> str:
    [mark] = ObjectStore(platform.settings.lake).list(BUILT)
    return mark.key


def open_a_place(platform: Platform) -> None:
    change_shop(
        platform,
        "insert into warehouses (code, name, city, country, opened_on, created_at, updated_at) "
        "values ('WH-NEW', 'New', 'Utrecht', 'NL', '2026-01-01', now(), now())",
    )


@pytest.mark.slow
def test_where_nothing_is_new_the_warehouse_is_left_alone(published: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    before = published.warehouse.unopened_state()

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the warehouse was touched")

    with monkeypatch.context() as untouched:
        for method in ("connect", "lock", "publish", "inspect"):
            untouched.setattr(type(published.warehouse), method, opened)
        report = published.run(**NEW)

    assert report.is_idle
    assert report.problems == ()
    assert report.loads == report.nodes == ()
    assert report.publication is None
    assert published.warehouse.unopened_state() == before
    counted = {item.stream: (item.source, item.lake, item.raw) for item in report.reconciliations}
    assert counted["warehouses"] == (6, 6, None)
    assert "customers" not in counted, "its deletions are not looked for yet"
    state = published.flow_run(UUID(report.run_id)).state
    assert state is not None
    assert state.type is StateType.COMPLETED
    assert str(state.message).startswith("nothing to do, 0 rows landed, 2 of 2 streams equal, in ")
    assert NOTHING_TO_DO in published.artifact(UUID(report.run_id), "run-summary")

    what_is_new_is_built_and_what_failed_is_built_by_the_next_run(published, monkeypatch)


def what_is_new_is_built_and_what_failed_is_built_by_the_next_run(
    published: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_a_place(published)
    with monkeypatch.context() as broken:
        broken.setattr(DbtRunner, "build", breaks)
        failed = published.failed_run(**NEW)
    assert failed.publication is None

    with asked(published, monkeypatch) as statements:
        report = published.run(**NEW)
    assert str(report.plan) == "what depends on warehouses"
    assert built(report) == PLACES
    assert streams_in(statements) == {"warehouses"}
    assert [name for name in published.task_runs(report) if name.startswith("load ")] == ["load warehouses"]
    counted = {item.stream: (item.source, item.lake, item.raw) for item in report.reconciliations}
    assert counted["warehouses"] == (7, 7, 7)
    assert counted["stock_movements"][2] is None, "nothing came, so that source and lake alone are compared"
    assert {load.stream for load in report.loads} == set(PARTS)
    assert report.publication is not None
    places = run_query(
        published.warehouse.published_path, "select count(distinct warehouse_id) from places", limit=None
    )
    assert places.rows == ((7,),)
    assert "dbt nodes of what depends on warehouses" in str(published.flow_run(UUID(report.run_id)).state)
    assert published.run(**NEW).is_idle

    monkeypatch.setenv("BUSINESS_NOW", "2026-06-16T12:00:00Z")
    tomorrow = published.run(**NEW)
    assert str(tomorrow.plan) == "what depends on the day"
    assert built(tomorrow) == set(), "nothing of this project does"
    assert tomorrow.publication is not None


@pytest.mark.slow
def test_everything_is_built_where_what_was_built_is_not_known_or_not_the_same(
    published: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = PLACES | OTHERS
    store = ObjectStore(published.settings.lake)
    mark = mark_of(published)
    store.put(mark, b"{ damaged")
    damaged = published.run(**NEW)
    assert built(damaged) == everything
    assert "not known" in str(damaged.plan)

    monkeypatch.setenv("EMAIL_SALT", "another-salt")
    resalted = published.run(**NEW)
    assert built(resalted) == everything
    assert "settings are others now" in str(resalted.plan)
    assert b"another-salt" not in (store.get(mark) or b"")

    # Another project is half built: with the old one back, nothing would seem to be new.
    with monkeypatch.context() as third:
        third.setenv("EMAIL_SALT", "a-third-salt")
        third.setattr(DbtRunner, "build", breaks)
        failed = published.failed_run(**NEW)
    report = published.run(**NEW)
    assert str(report.plan) == f"everything: run {failed.run_id} began to, and did not publish"
    assert published.run(**NEW).is_idle

    monkeypatch.setenv("BUILD_ALL_EVERY_HOURS", "0")
    assert built(published.run(**NEW)) == everything


@pytest.mark.slow
def test_a_warehouse_that_was_restored_is_built_anew_with_the_next_news(
    published: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = published.warehouse.path.with_name("backup")
    shutil.copy(published.warehouse.path, backup)
    open_a_place(published)
    assert built(published.run(**NEW)) == PLACES
    shutil.copy(backup, published.warehouse.path)
    with asked(published, monkeypatch) as statements:
        restored = published.run(**NEW)
    assert set(PARTS) <= streams_in(statements), "all of it is looked at"
    assert not restored.is_idle, "its file is not the one that was published"
    assert built(restored) == PLACES | OTHERS
    assert "not those that run" in str(restored.plan)
    published.warehouse.published_path.unlink()
    assert built(published.run(**NEW)) == PLACES | OTHERS

    two_warehouses_on_one_lake_have_a_mark_each(published, monkeypatch)


def two_warehouses_on_one_lake_have_a_mark_each(published: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    first = mark_of(published)
    monkeypatch.setenv("WAREHOUSE_DIR", str(published.warehouse.path.parent.with_name("another")))
    other = published.run()
    assert built(other) == PLACES | OTHERS
    marks = [mark.key for mark in ObjectStore(published.settings.lake).list(BUILT)]
    assert len(marks) == 2
    assert first in marks
    assert published.run(**NEW).is_idle


def test_where_nothing_is_new_nobody_logs_in_to_snowflake(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its account is a port at which nobody answers: a login or a statement would fail the run."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        account = {"HOST": "127.0.0.1", "PORT": str(nobody.getsockname()[1]), "PROTOCOL": "http", "PASSWORD": "none"}
        for name, value in account.items():
            monkeypatch.setenv(f"SNOWFLAKE_{name}", value)
        monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "emulated")
        monkeypatch.setenv("BUSINESS_NOW", "2026-06-15T12:00:00Z")
        monkeypatch.setenv("SNOWFLAKE_LOGIN_TIMEOUT_SECONDS", "1")
        monkeypatch.setenv("WAREHOUSE", "snowflake")
        landed = platform.run(**NEW, skip_load=True, skip_dbt=True)
        settings = OrchestrationSettings.load()
        warehouse = open_warehouse(settings, run_id="published")
        now = datetime.now(UTC)
        BuiltMark(ObjectStore(settings.lake), warehouse.identity).write(
            Built(
                run_id="published",
                project=fingerprint(settings),
                days=business_days(settings, now),
                streams={
                    outcome.stream: StreamVersion.of(outcome.result.commits[-1])
                    for outcome in landed.streams
                    if outcome.result is not None
                },
                whole_at=now,
                files=str(warehouse.unopened_state()),
            )
        )
        report = platform.run(**NEW)
    assert report.is_idle
    assert {item.stream: item.equal for item in report.reconciliations} == {
        "stock_movements": True,
        "warehouses": True,
    }
