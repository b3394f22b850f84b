"""Makes the tables of Prefect's SQLite file, by Prefect's own migrations.

The migrations are some thousand statements and reflections. Prefect runs them over aiosqlite, which passes each call to
a thread and back: that is half of their time. Here they use an ordinary connection to the same file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from prefect.server.database.dependencies import provide_database_interface


@dataclass(frozen=True)
class _Connection:
    """The methods of an asynchronous connection that the migrations use."""

    connection: sa.Connection

    async def run_sync(self, work: Callable[[sa.Connection], Any]) -> Any:
        return work(self.connection)


@dataclass(frozen=True)
class _Engine:
    """The methods of an asynchronous engine that the migrations use."""

    engine: sa.Engine

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[_Connection]:
        with self.engine.connect() as connection:
            yield _Connection(connection)


async def make_tables() -> None:
    """Make all tables in the SQLite file of PREFECT_API_DATABASE_CONNECTION_URL."""
    database: Any = provide_database_interface()
    configuration = database.database_config
    url = sa.make_url(configuration.connection_url).set(drivername="sqlite")
    engine = sa.create_engine(url, connect_args={"timeout": configuration.timeout or 5.0}, paramstyle="named")
    # Prefect does the same with each of its connections.
    sa.event.listen(engine, "connect", configuration.setup_sqlite)
    sa.event.listen(engine, "begin", configuration.begin_sqlite_stmt)

    async def ordinary() -> _Engine:
        return _Engine(engine)

    configuration.engine = ordinary
    try:
        await database.create_db()
    finally:
        del configuration.engine  # the class's own attribute is behind it
        engine.dispose()
