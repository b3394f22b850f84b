"""Calls a function between the statements by which a run reads its horizon, and between these and its snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from ingest.sources.postgres.horizon import Horizon, read_horizon


@contextmanager
def interposed(happen: Callable[[], None]) -> Iterator[None]:
    """Within the block, call `happen` before each statement of every horizon that is read, and after the last one."""

    class Interrupted(Cursor):
        def execute(self, *arguments: Any, **named: Any) -> None:
            happen()
            super().execute(*arguments, **named)

    def read(connection: Connection, *, margin: timedelta) -> Horizon:
        usual, connection.cursor_factory = connection.cursor_factory, Interrupted
        try:
            return read_horizon(connection, margin=margin)
        finally:
            connection.cursor_factory = usual
            happen()

    with patch("ingest.sources.postgres.reader.read_horizon", read):
        yield
