"""Suspends a warehouse at the end of a run, so that nobody pays for its idle time until it suspends itself."""

from __future__ import annotations

from snowflake.connector import errors as connector

from ingest.errors import PlatformError
from ingest.logs import get_logger
from orchestration.warehouse.protocol import Session
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE

_NOT_RUNNING = 90064
"""Invalid state: Snowflake's answer where the warehouse is suspended already."""


def suspend(session: Session, warehouse: str) -> None:
    """Suspend `warehouse` in the role of `session`, which needs OPERATE on it. Running statements finish first.

    An error is only logged: then the warehouse suspends itself, after its AUTO_SUSPEND.
    """
    try:
        session.execute(f"ALTER WAREHOUSE {SNOWFLAKE.quote(warehouse)} SUSPEND")
    except PlatformError as error:
        cause = error.__cause__
        if isinstance(cause, connector.Error) and cause.errno == _NOT_RUNNING:
            return
        get_logger().warning(
            "could not suspend the warehouse; it suspends itself after its AUTO_SUSPEND",
            warehouse=warehouse,
            error=str(error),
            hint=error.hint or "",
        )
