"""The interface of a warehouse to the loader, the reconciliation and the flow.

SQL that both warehouses understand goes through `Session.execute` and `query` with `?` placeholders; what differs
(reading files, the catalog, publication) is a method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ingest.lake.commit import DataFile
from orchestration.warehouse.ddl import Dialect, Table

if TYPE_CHECKING:
    import pyarrow as pa

Row = tuple[object, ...]

MAX_FILES_PER_STATEMENT = 1000
"""Snowflake's limit of `COPY INTO ... FILES = (...)`; DuckDB keeps to it too, so that both load alike."""


class Purpose(StrEnum):
    """The purpose of a session: a warehouse with roles gives it the rights of that, and no more."""

    LOAD = "load"
    AUDIT = "audit"
    """Reads everything from RAW to the marts, writes nothing."""
    PUBLISH = "publish"
    """Writes the record of a publication beside the marts."""


@dataclass(frozen=True)
class Publication:
    """The publication that readers see from now on. `bytes` is None if nothing had to be copied."""

    location: str
    path: Path | None
    bytes: int | None
    seconds: float


@dataclass(frozen=True)
class Rows:
    """Rows of `tables`, those whose `column` has one of `values`; and all of `views`, which are made of them."""

    tables: frozenset[str]
    views: frozenset[str]
    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class LockHolder:
    """The writer of the warehouse."""

    run_id: str
    pid: int
    host: str
    since: datetime

    def __str__(self) -> str:
        return f"run {self.run_id} (process {self.pid} on {self.host}, since {self.since:%Y-%m-%d %H:%M:%S} UTC)"


class Session(Protocol):
    """One connection. Not shared by threads: `fork` gives another one to the same warehouse.

    Every method raises TransientError, AccessError, ConfigurationError or FatalError.
    """

    @property
    def dialect(self) -> Dialect: ...

    def create_schema(self, schema: str) -> None:
        """Create a schema where there is none."""

    def about(self, *, stream: str | None = None, version: int | None = None) -> None:
        """The purpose of the next statements, for a warehouse that keeps a history of statements."""

    def prepare_claims(self, names: Sequence[str]) -> None:
        """Make what `claim` needs for these names, outside of a transaction."""

    def claim(self, name: str) -> None:
        """Inside a transaction: wait for other transactions that claimed `name`, and hold back later ones to its end.

        Raises TransientError if another one keeps it for too long.
        """

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement; the number of rows it changed."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of a query."""

    def columns(self, table: Table) -> Mapping[str, str]:
        """The table's types by column name, both as the warehouse has them; empty if there is no table."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commits at the end, rolls back on any exception."""

    def copy(self, table: Table, files: Sequence[DataFile]) -> Mapping[str, int]:
        """Append the rows of the lake's `files`, matching columns by name; the rows loaded, by file key.

        A column that a file lacks is null. Raises FatalError naming a file that is missing or unreadable, and
        ConfigurationError for one with a column or type that the table does not take.
        """

    def append(self, table: Table, rows: pa.Table) -> None:
        """Append rows of this process' memory, matching columns by name. A timestamp without zone is UTC."""

    def temporary_table(self, name: str, rows: pa.Table) -> AbstractContextManager[str]:
        """A table `name` of these rows that only this connection sees; yields it quoted."""

    def fork(self) -> AbstractContextManager[Session]:
        """An independent session."""


class Warehouse(Protocol):
    """A place to load into."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str:
        """A name that no other warehouse has, of letters, digits, `.`, `_` and `-`. It is known without a login."""

    def unopened_state(self) -> str | None:
        """What can be said of its state without opening it or logging in: it is another text once anybody has written.

        A text that never changes where nothing can be said; None where there is nothing that readers could read.
        """

    def lock(self, run_id: str, *, wait: timedelta) -> AbstractContextManager[LockHolder]:
        """Be the only writer. Raises ConflictError naming the holder when `wait` is over."""

    def connect(self, purpose: Purpose = Purpose.LOAD) -> AbstractContextManager[Session]:
        """A session on the database that runs write."""

    def inspect(self, run_id: str, *, wait: timedelta) -> AbstractContextManager[Session]:
        """A session that only reads, beside a writer where the warehouse can; else as soon as there is none.

        Raises ConflictError naming the writer when `wait` is over.
        """

    def publish(self, run_id: str) -> Publication:
        """Show readers the present state. Only under the lock, with no session open."""

    def show_rows(self, rows: Rows) -> None:
        """Show readers these rows of the schema of the marts, and of all else what was published last.

        Only under the lock, with no session open.
        """

    def dbt_environment(self) -> Mapping[str, str]:
        """The environment variables by which dbt's profile finds the same database."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values in `dbt_environment` that no log may show."""
