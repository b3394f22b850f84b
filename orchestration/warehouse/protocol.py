"""The interface of a warehouse to the loader, the reconciliation and the flow.

SQL that both warehouses understand goes through `Session.execute` and `query` with `?` placeholders. Operations that
differ (reading files, the catalog, publication) are methods.
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
    """The purpose of a session. A warehouse with roles gives the session only the rights for it."""

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
    """Rows to publish: rows of `tables` whose `column` has one of `values`, and all rows of `views`, which derive from
    them.
    """

    tables: frozenset[str]
    views: frozenset[str]
    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class LockHolder:
    """The holder of the writer's lock."""

    run_id: str
    pid: int
    host: str
    since: datetime

    def __str__(self) -> str:
        return f"run {self.run_id} (process {self.pid} on {self.host}, since {self.since:%Y-%m-%d %H:%M:%S} UTC)"


class Session(Protocol):
    """One connection. Threads do not share it: `fork` opens another one to the same warehouse.

    Every method raises TransientError, AccessError, ConfigurationError or FatalError.
    """

    @property
    def dialect(self) -> Dialect: ...

    def create_schema(self, schema: str) -> None:
        """Create a schema if it does not exist."""

    def about(self, *, stream: str | None = None, version: int | None = None) -> None:
        """Name stream and version of the next statements, for a warehouse that keeps a history of statements."""

    def prepare_claims(self, names: Sequence[str]) -> None:
        """Create the objects that `claim` needs for these names, outside of a transaction."""

    def claim(self, name: str) -> None:
        """Inside a transaction, wait for other transactions that have claimed `name`, and block later ones until its
        end.

        Raises TransientError if another transaction keeps it for too long.
        """

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement. Return the number of rows it changed."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""

    def columns(self, table: Table) -> Mapping[str, str]:
        """Return the table's types by column name, both as the warehouse spells them; empty if the table does not
        exist.
        """

    def transaction(self) -> AbstractContextManager[None]:
        """Run the block in a transaction. Commit at its end, roll back on any exception."""

    def copy(self, table: Table, files: Sequence[DataFile]) -> Mapping[str, int]:
        """Append the rows of the lake's `files`, matching columns by name. Return the number of rows loaded, by file
        key.

        A column that a file lacks is null. Raises FatalError that names a missing or unreadable file, and
        ConfigurationError for a file with a column or type that the table does not accept.
        """

    def append(self, table: Table, rows: pa.Table) -> None:
        """Append rows from memory, matching columns by name. A timestamp without zone is UTC."""

    def temporary_table(self, name: str, rows: pa.Table) -> AbstractContextManager[str]:
        """Make a table `name` of these rows that only this connection sees. Yield its quoted name."""

    def fork(self) -> AbstractContextManager[Session]:
        """Return an independent session."""


class Warehouse(Protocol):
    """A warehouse to load the lake into."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str:
        """A unique name of the warehouse, of letters, digits, `.`, `_` and `-`. It is known without a login."""

    def unopened_state(self) -> str | None:
        """Return a text that changes with every write, obtained without opening the warehouse or logging in.

        The text never changes if no such state is available. Return None if readers have nothing to read.
        """

    def lock(self, run_id: str, *, wait: timedelta) -> AbstractContextManager[LockHolder]:
        """Be the only writer within the block. Raises ConflictError that names the holder after `wait`."""

    def connect(self, purpose: Purpose = Purpose.LOAD) -> AbstractContextManager[Session]:
        """Return a session on the database that runs write."""

    def inspect(self, run_id: str, *, wait: timedelta) -> AbstractContextManager[Session]:
        """Yield a session that only reads. It runs beside a writer if the warehouse allows that, otherwise it waits for
        its end.

        Raises ConflictError that names the writer after `wait`.
        """

    def publish(self, run_id: str) -> Publication:
        """Publish the present state to readers. Only under the lock, with no session open."""

    def show_rows(self, rows: Rows) -> None:
        """Publish these rows of the marts' schema. For all other rows readers keep the last publication.

        Only under the lock, with no session open.
        """

    def dbt_environment(self) -> Mapping[str, str]:
        """Return the environment variables by which dbt's profile finds the same database."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values in `dbt_environment` that no log may show."""
