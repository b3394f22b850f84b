"""Faults between us and Snowflake: one clear message, and ledger and RAW agree afterwards."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from bench.cost.model import Assumptions
from ingest.errors import DamagedLakeError, PlatformError, TransientError
from tests.orchestration.lake_builder import thing
from tests.snowflake.bad_day import BadDay
from tests.snowflake.statement_proxy import Held, Lost, Unavailable


def test_a_file_that_is_gone_is_named_and_nothing_of_its_version_is_loaded(day: BadDay) -> None:
    gone = next(iter(day.lake.log.since(1))).files[1]
    body = day.lake.store.get(gone.key)
    day.lake.store.delete([gone.key])

    with pytest.raises(DamagedLakeError) as raised:
        day.load()

    assert gone.key in str(raised.value)
    assert "bucket's versions" in str(raised.value)
    assert day.loaded() == [1]
    day.lake.store.put(gone.key, body)
    day.finish()


def test_a_file_of_other_rows_than_were_committed_is_named_and_nothing_of_its_version_is_loaded(day: BadDay) -> None:
    changed = next(iter(day.lake.log.since(1))).files[1]
    body = day.lake.store.get(changed.key)
    day.lake.store.put(changed.key, _without_last_row(body))

    with pytest.raises(DamagedLakeError) as raised:
        day.load()

    assert f"{changed.key} gave 0 rows, but version 2 committed 1" in str(raised.value)
    assert day.loaded() == [1]
    day.lake.store.put(changed.key, body)
    day.finish()


def test_a_connection_that_is_lost_before_commit_arrives_loads_the_version_once(day: BadDay) -> None:
    day.proxy.on("^COMMIT", Lost(after=False))

    result = day.load()

    assert (result.commits, result.rows) == ((2,), 3)
    assert len(day.proxy.seen("^COPY")) == 2
    assert day.loaded() == [1, 2]
    day.finish()


def test_a_connection_that_is_lost_with_commit_s_answer_loads_the_version_once(day: BadDay) -> None:
    day.proxy.on("^COMMIT", Lost(after=True))

    result = day.load()

    assert (result.commits, result.rows) == ((2,), 3)
    assert len(day.proxy.seen("^COPY")) == 1
    assert day.loaded() == [1, 2]
    day.finish()


def test_a_connection_that_is_lost_in_the_middle_of_copy_loads_the_version_once(day: BadDay) -> None:
    day.proxy.on("^COPY", Lost(after=True))

    result = day.load()

    assert (result.commits, result.rows) == ((2,), 3)
    assert day.loaded() == [1, 2]
    day.finish()


def test_a_connection_may_be_lost_at_any_statement_of_a_load(day: BadDay, subtests: pytest.Subtests) -> None:
    day.load()
    statements = len(day.proxy.statements)
    for number in range(1, statements + 1):
        day.lake.data([thing(100 + number)])
        day.proxy.calm()
        day.proxy.on("", Lost(after=number % 2 == 0), nth=number)
        with subtests.test(f"statement {number}"):
            assert day.load().rows == 1
            assert day.loaded() == list(range(1, 3 + number))
    day.finish()


def test_a_connection_that_is_lost_while_the_warehouse_is_locked_is_no_other_writer(day: BadDay) -> None:
    warehouse = replace(day.account, settings=day.settings).warehouse()
    with warehouse.lock("first", wait=timedelta(0)):
        pass
    statements = len(day.proxy.statements)
    for number in range(1, statements):
        day.proxy.calm()
        day.proxy.on("", Lost(after=True), nth=number)

        with warehouse.lock("again", wait=timedelta(0)) as holder:
            assert holder.run_id == "again"


@pytest.mark.parametrize("status", [429, 503])
def test_a_snowflake_that_is_busy_is_asked_again(day: BadDay, status: int) -> None:
    day.proxy.on("^COPY", Unavailable(status))

    assert day.load().rows == 3
    day.finish()


@pytest.mark.parametrize("status", [429, 503])
def test_a_snowflake_that_stays_busy_is_a_transient_fault(day: BadDay, status: int) -> None:
    day.proxy.on("^COPY", Unavailable(status), times=float("inf"))

    with pytest.raises(TransientError, match=rf"^{day.stream}: .*HTTP {status}"):
        day.load(patience=0)

    assert day.loaded() == [1]
    day.finish()


def test_a_statement_may_take_longer_than_the_network_s_timeout(day: BadDay) -> None:
    """The connector has one setting for both timeouts, and would cancel the statement."""
    held = Held()
    day.proxy.on("^COPY", held)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(day.load)
        assert held.reached.wait(30)
        cancelled = day.proxy.cancelled.wait(2 * day.settings.network_timeout_seconds)
        held.release.set()

        assert loading.result(30).commits == (2,)
    assert not cancelled


def test_two_loaders_at_once_load_each_version_once(day: BadDay) -> None:
    copied, claims = Held(), Held(before=True)
    day.proxy.on("^COPY", copied)
    claims.release.set()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(day.load)
        assert copied.reached.wait(30)
        day.proxy.on("^UPDATE .*_CLAIM_", claims)
        second = pool.submit(day.load)
        assert claims.reached.wait(30)
        copied.release.set()

        assert first.result(30).commits == (2,)
        with pytest.raises(PlatformError) as raised:
            second.result(30)
    assert raised.value.stream == day.stream
    assert day.loaded() == [1, 2]
    day.finish()


def test_a_loader_that_is_killed_in_the_middle_leaves_nothing_and_the_next_run_goes_on(day: BadDay) -> None:
    copied = Held()
    day.proxy.on("^COPY", copied)
    killed = subprocess.Popen([sys.executable, "-m", "tests.snowflake.killed_load", day.stream], env=day.environment)
    assert copied.reached.wait(60)
    killed.kill()
    assert killed.wait(30) == -signal.SIGKILL
    copied.release.set()

    assert day.loaded() == [1]
    day.proxy.end_sessions()
    day.finish()
    assert day.loaded() == [1, 2]


def test_a_load_has_no_more_statements_than_the_cost_model_counts(day: BadDay) -> None:
    """A load of one stream; those of a whole run are counted in test_idle_runs.py."""
    assumed = Assumptions()
    day.load()
    with_a_version = len(day.proxy.statements)
    day.proxy.calm()
    day.load()
    idle = len(day.proxy.statements)

    assert with_a_version - idle <= assumed.statements_a_version
    assert idle <= assumed.statements_a_load


def _without_last_row(parquet: bytes) -> bytes:
    table = pq.read_table(io.BytesIO(parquet))
    buffer = io.BytesIO()
    pq.write_table(table.slice(0, table.num_rows - 1), buffer)
    return buffer.getvalue()
