"""Bad days: something is killed, stopped, full or wrong in the middle of a run.

First come days on which a run still completes, and all rows are equal. Then come days on which it does not, each on top
of those before: its state names the reason. The last day's runs make up for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from time import sleep

import psycopg2
import pytest

from tests.e2e.platform import Platform
from tests.e2e.prefect_api import Run
from tests.e2e.provider import EVENTS
from tests.e2e.small_lake import small_lake
from tests.e2e.ui import Ui
from tests.e2e.waiting import until

POSTGRES_AWAY_SECONDS = 10
API_AWAY_SECONDS = 10


@pytest.fixture(autouse=True)
def _something_new(platform: Platform) -> None:
    """Make new rows to land on each day."""
    platform.live_on()


def test_a_worker_killed_in_mid_stream_is_replaced_by_another(platform: Platform) -> None:
    platform.live_on(timedelta(days=1))  # ten pages of events
    with platform.provider.fault(kind="latency", path=EVENTS, seconds=3, skip=2) as slow:
        run_id = platform.prefect.start("full")
        lost = until(lambda: _events_run(platform, run_id), seconds=240, what="a run of email_events")
        until(lambda: platform.provider.fired(slow) >= 2, seconds=240, what="pages of events")
        host = _host(platform, lost)
        platform.stack.kill(platform.stack.host_names("ingest")[host])
        until(lambda: platform.prefect.run(lost.id).ended, seconds=240, what="the lost worker to be missed")

    platform.prefect.ended(run_id).require_completed()

    attempts = [child for child in platform.prefect.children(run_id) if child.name == "email_events"]
    assert [child.state for child in attempts] == ["Crashed", "Completed"]
    # Whoever misses it first says so: the run that handed the stream out, or the janitor.
    assert "no sign of life" in attempts[0].message.lower()
    assert host in attempts[0].message
    assert _host(platform, attempts[1]) != host
    platform.stack.start("ingest")
    platform.require_equal()


def test_a_run_outlives_a_provider_away_and_then_prefects_server(platform: Platform) -> None:
    with platform.provider.fault(kind="latency", path=EVENTS, seconds=1) as slow:
        with platform.provider.fault(kind="error", status=503) as away:
            run_id = platform.prefect.start("full")
            until(lambda: platform.provider.fired(away), seconds=240, what="a request")
            sleep(API_AWAY_SECONDS)
        before = platform.provider.fired(slow)
        until(lambda: platform.provider.fired(slow) > before, seconds=240, what="a stream that is being landed")
        platform.stack.compose("restart", "prefect_server")

    platform.prefect.ended(run_id).require_completed()

    platform.require_equal()


def test_an_agent_killed_in_mid_load_leaves_a_crashed_run(platform: Platform) -> None:
    run_id = _kill_in_mid_load(platform)

    platform.stack.start("prefect_agent")

    run = platform.prefect.ended(run_id)
    assert run.state == "Crashed"
    assert "No sign of life" in run.message
    [_] = until(lambda: platform.alerts.about(run), seconds=120, what="an alert")


def test_postgres_gone_for_a_while_in_a_run(platform: Platform) -> None:
    with _locked(platform, "order_items"):
        run_id = platform.prefect.start("full")
        until(lambda: _waits_for_lock(platform), seconds=240, what="a reader of order_items")
        platform.stack.compose("stop", "postgres")
    sleep(POSTGRES_AWAY_SECONDS)
    platform.stack.start("postgres")

    run = platform.prefect.ended(run_id)

    assert run.state in ("Completed", "Failed")
    if run.state == "Failed":
        assert "POSTGRES_DSN" in run.message or "order_items" in run.message


def test_a_full_lake_is_said_to_be_full(platform: Platform) -> None:
    with small_lake(platform.stack) as lake:
        lake.fill()

        run = platform.full()

        assert run.state == "Failed"
        assert "the disk of the lake is full" in run.message
        lake.free()


def test_a_wrong_api_key_is_named(platform: Platform, ui: Ui) -> None:
    wrong = platform.stack.given(SAAS_API_KEY="not-the-key")
    wrong.start("ingest", "prefect_agent")

    run = platform.full()

    assert run.state == "Failed"
    assert "SAAS_API_KEY" in run.message
    [alert] = until(lambda: platform.alerts.about(run), seconds=120, what="an alert")
    assert "email_events" in alert["text"]
    assert "not-the-key" not in str(alert)
    until(lambda: platform.metrics().get("last_run_completed") == 0, seconds=60, what="the failed run in the metrics")
    assert "email_events" in ui.see(f"/flow-runs/flow-run/{run.id}", "SAAS_API_KEY", pictures="failed")
    platform.stack.start("ingest", "prefect_agent")


def test_of_two_full_runs_at_once_one_waits_for_the_other_and_nothing_is_missing(platform: Platform) -> None:
    first, second = platform.prefect.start("full"), platform.prefect.start("full")
    runs = {first, second}
    overlapped = set()

    def both_ended() -> bool:
        seen = [platform.prefect.run(run_id) for run_id in runs]
        overlapped.add(sum(run.type == "RUNNING" for run in seen))
        return all(run.ended for run in seen)

    until(both_ended, seconds=600, what="both runs", every=0.2)

    assert overlapped <= {0, 1}
    for run_id in runs:
        platform.require_complete(platform.prefect.run(run_id))
    platform.require_equal()
    failed = [run for run in platform.prefect.runs("full") if run.state in ("Failed", "Crashed")]
    assert {len(platform.alerts.about(run)) for run in failed} == {1}, "each failed run is alerted of once"
    with platform.warehouse().published() as connection:
        recorded = dict(connection.execute("select run_id, state from MART.ops_runs").fetchall())
    assert {run.id: recorded.get(run.id) for run in failed} == {run.id: run.state.lower() for run in failed}


def _events_run(platform: Platform, run_id: str) -> Run | None:
    runs = platform.prefect.children(run_id)
    return next((run for run in runs if run.name == "email_events" and run.type == "RUNNING"), None)


def _kill_in_mid_load(platform: Platform) -> str:
    """Kill the agent while a run loads, with the lake paused.

    Return the run's id. If a load was too fast, try again.
    """
    [lake] = platform.stack.containers("lake")
    for _ in range(3):
        run_id = platform.prefect.start("full")
        until(lambda run_id=run_id: _loads_going_on(platform, run_id), seconds=240, what="the loads", every=0.1)
        with _paused(platform, lake):
            if _loads_going_on(platform, run_id):
                platform.stack.kill(*platform.stack.containers("prefect_agent"))
                return run_id
        platform.prefect.ended(run_id)
        platform.live_on()
    pytest.fail("the loads were over before the lake was held up")


def _host(platform: Platform, stream_run: Run) -> str:
    """Return the host on which a stream is landed."""

    def look() -> str | None:
        found = re.search(r"on host (\w+)", platform.prefect.log(stream_run.id))
        return found[1] if found else None

    return until(look, seconds=120, what=f"the host of {stream_run.name}")


def _loads_going_on(platform: Platform, run_id: str) -> bool:
    return any(task.name.startswith("load ") and not task.ended for task in platform.prefect.tasks(run_id))


@contextmanager
def _paused(platform: Platform, container: str) -> Iterator[None]:
    """Pause the container within the block."""
    platform.stack.docker("pause", container)
    try:
        yield
    finally:
        platform.stack.docker("unpause", container)


@contextmanager
def _locked(platform: Platform, table: str) -> Iterator[None]:
    """Lock a table against readers within the block, or until the server ends."""
    with closing(psycopg2.connect(platform.shop.owner_dsn)) as connection:
        connection.cursor().execute(f"lock table {table} in access exclusive mode")
        yield


def _waits_for_lock(platform: Platform) -> bool:
    return platform.source("select count(*) from pg_locks where not granted") != [(0,)]
