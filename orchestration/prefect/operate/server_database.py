"""How Prefect's server uses its SQLite file: writers wait for each other, and connections are kept.

Prefect has no setting for either, so its configuration of SQLite is changed within the process. A server on Postgres is
as Prefect made it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from prefect.server.database import configurations
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, AsyncSessionTransaction, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

KEPT_CONNECTIONS = 5
"""SQLAlchemy's default. More would serve a server that has so many requests at once, all the time."""

CACHE_KIB = 16_384
"""What a connection may keep of the file in memory. Prefect's 20,000 pages are 80 MB, of which a kept connection would
give back nothing; the operating system keeps the file in memory too."""

_set_up: Callable[..., None] = AioSqliteConfiguration.setup_sqlite


def take_write_locks_first() -> None:
    """Make each of Prefect's transactions on SQLite begin as a write transaction.

    Prefect begins most of them as readers. If two of them read and then write, SQLite refuses the second one at once,
    whatever the busy timeout ("database is locked"): with a dozen running runs, clients get 503 and give up. A
    transaction that is IMMEDIATE from its beginning waits for its turn, up to the minute that Prefect allows. Reads
    outside of transactions do not wait.
    """
    begin = AioSqliteConfiguration.begin_transaction

    def begin_transaction(
        self: AioSqliteConfiguration, session: AsyncSession, with_for_update: bool = False
    ) -> AbstractAsyncContextManager[AsyncSessionTransaction]:
        transaction: AbstractAsyncContextManager[AsyncSessionTransaction] = begin(self, session, with_for_update=True)
        return transaction

    AioSqliteConfiguration.begin_transaction = begin_transaction  # type: ignore[method-assign, assignment]


def keep_connections() -> None:
    """Make Prefect keep up to KEPT_CONNECTIONS connections to its SQLite file. Further ones are opened and closed.

    By the default of SQLAlchemy before 2.0.38, each transaction opens a connection of its own, with a thread, six
    PRAGMA statements and a parse of the schema: a quarter to a half of what a request costs the server (decision 0086).
    Nobody waits for a connection: a limit would fail requests while a transaction waits for its turn to write.
    """

    def create_engine(url: str | URL, **options: Any) -> AsyncEngine:
        if make_url(url).get_backend_name() == "sqlite" and "poolclass" not in options:
            options |= {"poolclass": AsyncAdaptedQueuePool, "pool_size": KEPT_CONNECTIONS}
            options |= {"max_overflow": -1, "pool_use_lifo": True}
        return create_async_engine(url, **options)

    def set_up(self: AioSqliteConfiguration, connection: Any, record: Any) -> None:
        _set_up(self, connection, record)
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        cursor.close()

    configurations.create_async_engine = create_engine  # type: ignore[attr-defined]
    AioSqliteConfiguration.setup_sqlite = set_up  # type: ignore[method-assign]
