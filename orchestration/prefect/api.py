"""The configured Prefect API, else the ephemeral one: a server within this process, on a SQLite file.

Prefect reads its settings when it is imported; `temporary_settings` is its way to change them afterwards.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import get_client
from prefect.settings import (
    PREFECT_API_DATABASE_CONNECTION_URL,
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)
from sqlalchemy.exc import SAWarning

DEFAULT_HOME = Path(".local/prefect")
_CONSOLE_LEVEL = "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"


@contextmanager
def prefect_api(*, quiet: bool) -> Iterator[None]:
    """Within the block, runs are recorded in the configured API, else in an ephemeral one below `.local/prefect`.

    `quiet` keeps Prefect's own lines off the terminal; the API gets them all the same.
    """
    with (
        temporary_settings(updates=_ephemeral_settings()),
        _console_level("CRITICAL" if quiet else None),
        warnings.catch_warnings(),
    ):
        # Prefect's own migrations of its SQLite file cannot reflect two of its own indexes.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)
        yield


def warm_up() -> None:
    """Make the ephemeral API's database if there is none, which takes seconds; in a thread, while other things start.

    A configured API is only asked whether it is there. Raises what Prefect raises where it cannot be reached.
    """
    with prefect_api(quiet=True), get_client(sync_client=True) as client:
        client.hello()


def _ephemeral_settings() -> dict[Any, Any]:
    if PREFECT_API_URL.value():
        return {}
    home = Path(os.environ.get("PREFECT_HOME", DEFAULT_HOME)).absolute()
    home.mkdir(parents=True, exist_ok=True)
    settings: dict[Any, Any] = {PREFECT_HOME: home, PREFECT_SERVER_ANALYTICS_ENABLED: False}
    if "PREFECT_API_DATABASE_CONNECTION_URL" not in os.environ:
        # Said outright: deriving it from the home costs a look at the disk with every request.
        settings[PREFECT_API_DATABASE_CONNECTION_URL] = f"sqlite+aiosqlite:///{home}/prefect.db"
    return settings


@contextmanager
def _console_level(level: str | None) -> Iterator[None]:
    """Prefect sets its logging up anew at each flow run, from the environment."""
    if level is None or _CONSOLE_LEVEL in os.environ:
        yield
        return
    os.environ[_CONSOLE_LEVEL] = level
    try:
        yield
    finally:
        del os.environ[_CONSOLE_LEVEL]
