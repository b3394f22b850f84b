"""The server's transactions on SQLite."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.exc import OperationalError

from orchestration.prefect.operate.server import take_write_locks_first

TRANSACTIONS = 8


@pytest.fixture
def begin_as_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the patch, and undo it afterwards."""
    monkeypatch.setattr(AioSqliteConfiguration, "begin_transaction", AioSqliteConfiguration.begin_transaction)
    take_write_locks_first()


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
