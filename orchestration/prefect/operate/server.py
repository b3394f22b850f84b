"""Prefect's server, as the platform runs it: uvicorn --factory orchestration.prefect.operate.server:create_app.

It includes our alert block. Its transactions on SQLite wait for each other instead of failing, on connections that are
kept. Pages of other origins cannot use it. If SERVER_AUTH_STRING is set, it demands that login.
"""

from __future__ import annotations

from common.garbage import collect_seldom, leave_out_present_objects

collect_seldom()

from prefect.server.api import server  # noqa: E402

from orchestration.prefect.operate import alert_webhook  # noqa: E402
from orchestration.prefect.operate.api import quiet_migrations  # noqa: E402
from orchestration.prefect.operate.login import Login  # noqa: E402
from orchestration.prefect.operate.own_origin import Application, OwnOrigin, ServerSettings  # noqa: E402
from orchestration.prefect.operate.server_database import keep_connections, take_write_locks_first  # noqa: E402


def create_app() -> OwnOrigin:
    """Return the server's application, by Prefect's own settings.

    Raises ConfigurationError if a setting of ours is bad.
    """
    # The import registers the block. The server makes one from its document when an alert is due.
    assert alert_webhook  # noqa: S101
    quiet_migrations()
    take_write_locks_first()
    keep_connections()
    settings = ServerSettings.load()
    application: Application = server.create_app()
    if secret := settings.auth_string.get_secret_value():
        application = Login(application, secret)
    leave_out_present_objects()
    return OwnOrigin(application, settings.hosts)
