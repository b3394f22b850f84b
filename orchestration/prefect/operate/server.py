"""Prefect's server, as the platform runs it: uvicorn --factory orchestration.prefect.operate.server:create_app.

It includes our alert block. Its transactions on SQLite wait for each other instead of failing. Pages of other origins
cannot use it. If SERVER_AUTH_STRING is set, it demands that login.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from common.garbage import collect_seldom, leave_out_present_objects

collect_seldom()

from prefect.server.api import server  # noqa: E402
from prefect.server.database.configurations import AioSqliteConfiguration  # noqa: E402
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction  # noqa: E402

from orchestration.prefect.operate import alert_webhook  # noqa: E402
from orchestration.prefect.operate.api import quiet_migrations  # noqa: E402
from orchestration.prefect.operate.login import Login  # noqa: E402
from orchestration.prefect.operate.own_origin import Application, OwnOrigin, ServerSettings  # noqa: E402


def create_app() -> OwnOrigin:
    """Return the server's application, by Prefect's own settings.

    Raises ConfigurationError if a setting of ours is bad.
    """
    # The import registers the block. The server makes one from its document when an alert is due.
    assert alert_webhook  # noqa: S101
    quiet_migrations()
    take_write_locks_first()
    settings = ServerSettings.load()
    application: Application = server.create_app()
    if secret := settings.auth_string.get_secret_value():
        application = Login(application, secret)
    leave_out_present_objects()
    return OwnOrigin(application, settings.hosts)


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
