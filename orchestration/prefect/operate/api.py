"""The configured Prefect API, or else the ephemeral one: a server within this process, on a SQLite file.

Prefect reads its settings when it is imported; `temporary_settings` is its way to change them afterwards.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect.settings import (
    PREFECT_API_BLOCKS_REGISTER_ON_START,
    PREFECT_API_DATABASE_CONNECTION_URL,
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)
from sqlalchemy.exc import SAWarning

_SQLITE = "sqlite+aiosqlite:///"
DEFAULT_HOME = Path(".local/prefect")
_CONSOLE_LEVEL = "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"


@contextmanager
def prefect_api(*, quiet: bool) -> Iterator[None]:
    """Record the runs within the block in the configured API, or else in an ephemeral one below `.local/prefect`.

    With `quiet`, Prefect's log lines go to the API but not to the terminal.
    """
    with (
        temporary_settings(updates=_ephemeral_settings()),
        _console_level("CRITICAL" if quiet else None),
        warnings.catch_warnings(),
    ):
        quiet_migrations()
        if not PREFECT_API_URL.value():
            _prepare_database()
        yield


def quiet_migrations() -> None:
    """Hide the warnings of Prefect's migrations of its SQLite file: they cannot reflect two of its own indexes."""
    warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)


def _ephemeral_settings() -> dict[Any, Any]:
    if PREFECT_API_URL.value():
        return {}
    home = Path(os.environ.get("PREFECT_HOME", DEFAULT_HOME)).absolute()
    home.mkdir(parents=True, exist_ok=True)
    settings: dict[Any, Any] = {PREFECT_HOME: home, PREFECT_SERVER_ANALYTICS_ENABLED: False}
    if "PREFECT_API_DATABASE_CONNECTION_URL" not in os.environ:
        # Set explicitly, because deriving it from the home costs a disk access with every request.
        settings[PREFECT_API_DATABASE_CONNECTION_URL] = f"{_SQLITE}{home}/prefect.db"
    if PREFECT_API_BLOCKS_REGISTER_ON_START.name not in os.environ:
        # A run uses none of Prefect's blocks, and a server that shows them creates them when it starts.
        settings[PREFECT_API_BLOCKS_REGISTER_ON_START] = False
    return settings


def _prepare_database() -> None:
    """Make the ephemeral API keep its connections, and make its tables if its file does not exist yet.

    Its server would make them when it starts, but within 30 s, which a busy machine exceeds.
    """
    # Clients of a server import nothing of it (decision 0085).
    from orchestration.prefect.operate.migration import make_tables
    from orchestration.prefect.operate.server_database import keep_connections

    keep_connections()
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        asyncio.run(make_tables())


@contextmanager
def _console_level(level: str | None) -> Iterator[None]:
    """Set the console's log level by an environment variable, because Prefect sets up its logging anew at each flow
    run.
    """
    if level is None or _CONSOLE_LEVEL in os.environ:
        yield
        return
    os.environ[_CONSOLE_LEVEL] = level
    try:
        yield
    finally:
        del os.environ[_CONSOLE_LEVEL]
