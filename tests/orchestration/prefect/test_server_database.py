"""The server's transactions on SQLite, and its connections."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from prefect.server.database import configurations
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from orchestration.prefect.operate.server_database import (
    CACHE_KIB,
    KEPT_CONNECTIONS,
    keep_connections,
    take_write_locks_first,
)

TRANSACTIONS = 8


@pytest.fixture
def begin_as_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the patch, and undo it afterwards."""
    monkeypatch.setattr(AioSqliteConfiguration, "begin_transaction", AioSqliteConfiguration.begin_transaction)
    take_write_locks_first()


@pytest.fixture
def kept_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the patch, and undo it afterwards."""
    monkeypatch.setattr(configurations, "create_async_engine", create_async_engine)
    monkeypatch.setattr(AioSqliteConfiguration, "setup_sqlite", AioSqliteConfiguration.setup_sqlite)
    keep_connections()


async def count_up_at_once(path: Path) -> int:
    """Increment a counter in several transactions that begin together. Return its final value."""
    configuration = AioSqliteConfiguration(f"sqlite+aiosqlite:///{path}")
    engine = await configuration.engine()
    async with await configuration.session(engine) as session, configuration.begin_transaction(session):
        await session.execute(sa.text("create table counter (value integer)"))
        await session.execute(sa.text("insert into counter values (0)"))
    everybody_is_ready = asyncio.Barrier(TRANSACTIONS)

    async def count_up() -> None:
        await everybody_is_ready.wait()
        async with await configuration.session(engine) as session, configuration.begin_transaction(session):
            value = (await session.execute(sa.text("select value from counter"))).scalar_one()
            await asyncio.sleep(0)
            await session.execute(sa.text("update counter set value = :value"), {"value": value + 1})

    try:
        # All of them end before the engine does, so that each gives its connection back.
        ends = await asyncio.gather(*(count_up() for _ in range(TRANSACTIONS)), return_exceptions=True)
        for error in filter(None, ends):
            raise error
        async with await configuration.session(engine) as session:
            found: int = (await session.execute(sa.text("select value from counter"))).scalar_one()
            return found
    finally:
        await engine.dispose()


@pytest.mark.usefixtures("begin_as_writers")
def test_transactions_that_meet_wait_for_each_other(tmp_path: Path) -> None:
    assert asyncio.run(count_up_at_once(tmp_path / "prefect.db")) == TRANSACTIONS


def test_prefect_by_itself_refuses_them(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="database is locked"):
        asyncio.run(count_up_at_once(tmp_path / "prefect.db"))


@pytest.mark.usefixtures("begin_as_writers", "kept_connections")
def test_more_transactions_than_connections_are_kept_for_wait_for_each_other(tmp_path: Path) -> None:
    assert TRANSACTIONS > KEPT_CONNECTIONS
    assert asyncio.run(count_up_at_once(tmp_path / "prefect.db")) == TRANSACTIONS


@pytest.mark.usefixtures("begin_as_writers", "kept_connections")
def test_a_kept_connection_serves_one_transaction_after_another_and_keeps_nothing_of_a_failed_one(
    tmp_path: Path,
) -> None:
    opened = []

    async def write_and_fail_in_turns() -> list[int]:
        configuration = AioSqliteConfiguration(f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}")
        engine = await configuration.engine()
        sa.event.listen(engine.sync_engine, "connect", lambda *_: opened.append(1))
        try:
            async with await configuration.session(engine) as session, configuration.begin_transaction(session):
                await session.execute(sa.text("create table written (value integer unique)"))
            for pair in ((10, 1), (20, 1), (30, 2)):
                with suppress(IntegrityError):
                    async with await configuration.session(engine) as session, configuration.begin_transaction(session):
                        for value in pair:
                            await session.execute(sa.text("insert into written values (:value)"), {"value": value})
            async with await configuration.session(engine) as session:
                return list((await session.execute(sa.text("select value from written order by 1"))).scalars())
        finally:
            await engine.dispose()

    assert asyncio.run(write_and_fail_in_turns()) == [1, 2, 10, 30]
    assert len(opened) == 1


@pytest.mark.usefixtures("kept_connections")
def test_a_kept_connection_keeps_no_more_of_the_file_than_it_may(tmp_path: Path) -> None:
    async def cache_size() -> int:
        configuration = AioSqliteConfiguration(f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}")
        engine = await configuration.engine()
        try:
            async with await configuration.session(engine) as session:
                size: int = (await session.execute(sa.text("pragma cache_size"))).scalar_one()
                return size
        finally:
            await engine.dispose()

    assert asyncio.run(cache_size()) == -CACHE_KIB
