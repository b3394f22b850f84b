"""The histories of statements and loads: QUERY_HISTORY and COPY_HISTORY."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from local.snowflake.emulator.sql.relations import ObjectName

KEPT_QUERIES = 50_000
COPY_HISTORY = timedelta(days=14)


@dataclass
class Query:
    id: str
    text: str
    session: int
    user: str
    role: str
    warehouse: str | None
    database: str | None
    schema: str | None
    tag: str
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def status(self) -> str:
        return "RUNNING" if self.ended is None else ("FAILED_WITH_ERROR" if self.error_code else "SUCCESS")


class QueryHistory:
    """The newest statements in order."""

    def __init__(self) -> None:
        self._queries: deque[Query] = deque(maxlen=KEPT_QUERIES)

    def add(self, query: Query) -> None:
        self._queries.append(query)

    def all(self) -> list[Query]:
        return list(self._queries)


@dataclass(frozen=True)
class LoadedFile:
    """One file of one COPY, as COPY_HISTORY shows it."""

    table: ObjectName
    stage: str
    path: str
    etag: str
    size: int
    rows: int
    status: str
    first_error: str | None = None
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


class LoadHistory:
    """The load history of one table object. A table that is created anew has an empty one."""

    def __init__(self) -> None:
        self.keeps_rolled_back = False
        """Whether a load that was rolled back is told of all the same: see `doubts`."""
        self._lock = Lock()
        self._files: list[LoadedFile] = []

    def add(self, files: list[LoadedFile]) -> None:
        with self._lock:
            self._files += files

    def of(self, table: ObjectName) -> list[LoadedFile]:
        with self._lock:
            return [file for file in self._files if file.table == table]

    def forget(self, table: ObjectName) -> None:
        with self._lock:
            self._files = [file for file in self._files if file.table != table]
