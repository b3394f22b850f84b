"""Snowflake locks whole tables: loads still run in parallel, and none keeps the writer from its lease."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Lock
from typing import Any

import pytest

from ingest.errors import ConflictError, PlatformError
from orchestration.settings import Schemas
from orchestration.warehouse.ddl import locks_table
from orchestration.warehouse.loader import Loader, load_streams
from orchestration.warehouse.snowflake.session import SnowflakeSession
from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse
from tests.orchestration.lake_builder import LakeBuilder, contract, thing
from tests.snowflake.account import USERS_ACCOUNT, Account, connect
from tests.snowflake.statement_proxy import Held, StatementProxy

pytestmark = pytest.mark.skipif(
    "SNOWFLAKE_HOST" in USERS_ACCOUNT, reason="an emulator of the user's own may not lock tables as Snowflake does"
)
AT_ONCE = timedelta(0)
LEASE = timedelta(seconds=2)


@pytest.fixture
def through(proxy: tuple[StatementProxy, int], shared_account: Account) -> Iterator[Account]:
    """The account behind the proxy."""
    control, port = proxy
    yield replace(shared_account, settings=shared_account.settings.model_copy(update={"port": port}))
    control.calm()


def warehouse(account: Account, run_id: str, *, lease: timedelta = LEASE) -> SnowflakeWarehouse:
    return SnowflakeWarehouse(account.settings, account.database, Schemas(), run_id=run_id, lease=lease)


def lakes(account: Account, number: int) -> list[LakeBuilder]:
    """Return several streams, each with a version to load."""
    made = [
        LakeBuilder(account.store, contract(stream=f"things_{uuid.uuid4().hex[:8]}", deletes="none"))
        for _ in range(number)
    ]
    for lake in made:
        lake.data([thing(1)])
    return made


def load(account: Account, *made: LakeBuilder) -> list[tuple[int, ...]]:
    """Load the streams in parallel. Return the loaded versions of each."""
    with account.warehouse().connect() as session:
        loader = Loader(account.store, "RAW", run_id="test")
        outcomes = load_streams(loader, session, [lake.contract for lake in made], concurrency=len(made))
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    return [outcome.result.commits for outcome in outcomes if outcome.result]


def test_four_streams_are_copied_at_once(through: Account, proxy: tuple[StatementProxy, int]) -> None:
    four = lakes(through, 4)
    copies = [Held() for _ in four]
    for lake, copied in zip(four, copies, strict=True):
        proxy[0].on(rf"^COPY INTO \S*{lake.contract.stream}", copied)

    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load, through, *four)
        at_once = [copied.reached.wait(20) for copied in copies]
        for copied in copies:
            copied.release.set()

        assert loading.result(60) == [(1,)] * 4
    assert at_once == [True] * 4


def test_the_lease_is_prolonged_while_a_copy_takes_long_and_nobody_else_writes(
    through: Account, proxy: tuple[StatementProxy, int]
) -> None:
    [lake] = lakes(through, 1)
    copied, prolonged = Held(), Held()
    prolonged.release.set()
    with ThreadPoolExecutor(2) as pool, warehouse(through, "first").lock("first", wait=AT_ONCE):
        proxy[0].on(rf"^COPY INTO \S*{lake.contract.stream}", copied)
        loading = pool.submit(load, through, lake)
        try:
            assert copied.reached.wait(20)
            proxy[0].on("^UPDATE .*_LOCKS. SET expires_at", prolonged, nth=6)  # after more than a lease
            assert prolonged.reached.wait(20)
            second = pool.submit(take, through, "second")
            with pytest.raises(ConflictError, match="is being written by run first"):
                second.result(10)
        finally:
            copied.release.set()
        assert loading.result(30) == [(1,)]


def take(account: Account, run_id: str) -> None:
    with warehouse(account, run_id).lock(run_id, wait=AT_ONCE):
        """Nothing is written."""


def test_of_writers_that_begin_at_once_one_writes_at_a_time(shared_account: Account) -> None:
    writers, together, writing = range(4), Barrier(4), Lock()

    def one(number: int) -> bool:
        together.wait()
        try:
            with warehouse(shared_account, f"writer-{number}").lock(f"writer-{number}", wait=AT_ONCE):
                alone = writing.acquire(blocking=False)
                assert alone, "two writers at once"
                writing.release()
                return True
        except ConflictError:
            return False

    with ThreadPoolExecutor(len(writers)) as pool:
        assert any(pool.map(one, writers))


def test_who_makes_a_table_at_the_same_moment_has_it_too(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find it missing, and Snowflake refuses the later one, with or without IF NOT EXISTS."""
    run_on = SnowflakeSession._run_on
    table = locks_table("RAW")

    def overtaken(self: SnowflakeSession, connection: Any, sql: str, parameters: Any = ()) -> Any:
        if not sql.startswith("CREATE TABLE IF NOT EXISTS"):
            return run_on(self, connection, sql, parameters)
        run_on(self, connection, sql, parameters)
        return run_on(self, connection, sql.replace("IF NOT EXISTS ", ""), parameters)

    monkeypatch.setattr(SnowflakeSession, "_run_on", overtaken)
    with account.warehouse().connect() as session:
        session.execute(session.dialect.create_table(table))
        assert session.columns(table)
        with pytest.raises(PlatformError, match="already exists"):
            session.execute(session.dialect.create_table(table).replace("IF NOT EXISTS ", ""))


def test_a_writer_that_cannot_lock_the_lease_is_told_in_seconds(
    snowflake_environment: Mapping[str, str], shared_account: Account
) -> None:
    """A run was killed just when it took or left the lease: its transaction is open until Snowflake ends it."""
    take(shared_account, "earlier")
    with closing(connect(snowflake_environment)) as killed, ThreadPoolExecutor(1) as pool:
        killed.cursor().execute("BEGIN")
        killed.cursor().execute(f"UPDATE {shared_account.database}.RAW._LOCKS SET RUN_ID = 'killed'")
        waiting = pool.submit(take, shared_account, "next")
        with pytest.raises(ConflictError, match="being written by a run that is just taking or leaving it"):
            waiting.result(15)
    take(shared_account, "next")


def test_claims_that_an_earlier_release_kept_beside_the_lease_are_removed(account: Account) -> None:
    take(account, "first")
    account.run("INSERT INTO RAW._LOCKS (NAME, RUN_ID) VALUES ('load:things', 'old'), ('load:orders', 'old')")
    take(account, "next")

    assert account.rows("select name, run_id from raw._locks") == [("writer", None)]
