"""DuckDB as the warehouse: one file that runs write, and a copy of its marts for readers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingest.errors import ConflictError, FatalError, first_line
from ingest.retry_policies import WAREHOUSE_FILE
from ingest.settings import LakeSettings
from orchestration.warehouse.duckdb.identity import identity_of
from orchestration.warehouse.duckdb.lake_files import LakeFiles
from orchestration.warehouse.duckdb.lake_reader import open_duckdb
from orchestration.warehouse.duckdb.lock import WriterLock
from orchestration.warehouse.duckdb.private_files import make_private, private_files
from orchestration.warehouse.duckdb.publish import publish_schema, published_file, republish_rows
from orchestration.warehouse.duckdb.session import DuckDBSession
from orchestration.warehouse.protocol import LockHolder, Publication, Purpose, Rows

if TYPE_CHECKING:
    pass


class DuckDBWarehouse:
    """A DuckDB database file that one run at a time writes, `directory`/<database>.duckdb, and its published copy.

    The copy, `directory`/published/<database>.duckdb, holds only the schema `mart`.
    """

    name = "duckdb"

    def __init__(
        self,
        directory: Path,
        database: str,
        lake: LakeSettings,
        *,
        mart: str = "MART",
        memory_limit: str | None = None,
        open_wait: timedelta = timedelta(seconds=WAREHOUSE_FILE.longest_budget),
        on_wait: Callable[[str], None] = lambda holder: None,
    ) -> None:
        self._directory = directory
        self._database = database
        self._lake = lake
        self._mart = mart
        self._memory_limit = memory_limit
        self._open_wait = open_wait
        self._on_wait = on_wait

    @property
    def path(self) -> Path:
        """The file that runs write. DuckDB names the database after it."""
        return self._directory / f"{self._database}.duckdb"

    @property
    def published_path(self) -> Path:
        """The file that readers open."""
        return published_file(self._directory, self._database)

    @property
    def identity(self) -> str:
        """A name made of the file's path and of a file beside it: a path may exist on another disk, and a file may be
        copied.
        """
        return identity_of(self.path)

    def unopened_state(self) -> str | None:
        """Return a text of the file's inode, size and time of the last write.

        Opening it to read changes none of them.
        """
        try:
            found, _ = self.path.stat(), self.published_path.stat()
        except FileNotFoundError:
            return None
        return f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"

    @contextmanager
    def lock(self, run_id: str, *, wait: timedelta) -> Iterator[LockHolder]:
        """Be the only writer. See `Warehouse.lock`."""
        with WriterLock(self._directory).hold(run_id, wait=wait, on_wait=self._on_wait) as holder:
            yield holder

    @contextmanager
    def inspect(self, run_id: str, *, wait: timedelta) -> Iterator[DuckDBSession]:
        """Yield a session under the lock, because the file takes one process at a time."""
        with self.lock(run_id, wait=wait), self.connect() as session:
            yield session

    @contextmanager
    def connect(self, purpose: Purpose = Purpose.LOAD) -> Iterator[DuckDBSession]:
        """Yield a session on the file that runs write, which is created if missing. DuckDB has no roles."""
        self._directory.mkdir(parents=True, exist_ok=True)
        lake_files = LakeFiles(self._lake, self._directory / f"{self._database}.loading")
        with self._connection() as connection:
            lake_files.remove_leftovers()  # DuckDB lets one process at a time open the file, so nobody is loading
            yield DuckDBSession(connection, lake_files)
            lake_files.remove_leftovers()

    def publish(self, run_id: str) -> Publication:
        """Write the marts to a new file and swap it in. See `Warehouse.publish`."""
        if not self.path.exists():
            raise FatalError(f"there is no database {self.path} to publish")
        return publish_schema(self._connection, self._mart, self.published_path)

    def show_rows(self, rows: Rows) -> None:
        """Swap in a copy of the published file with these rows.

        Before the first publication there is no file to change.
        """
        republish_rows(self._connection, self._mart, self.published_path, rows)

    def dbt_environment(self) -> Mapping[str, str]:
        """Return the environment variable with the file's path for dbt."""
        return {"DUCKDB_PATH": str(self.path)}

    @property
    def secrets(self) -> tuple[str, ...]:
        """No values, because the path of a file is no secret."""
        return ()

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        for path in (self.path, self.path.with_name(f"{self.path.name}.wal")):
            make_private(path)
        with private_files():
            connection = self._open()
            try:
                yield connection
            finally:
                connection.close()

    def _open(self) -> duckdb.DuckDBPyConnection:
        """Open the file. The dbt of a killed run may hold it for a moment longer.

        Raises ConflictError if another process keeps it open, FatalError if it is no DuckDB database.
        """
        deadline = time.monotonic() + self._open_wait.total_seconds()
        told = False
        while True:
            try:
                return open_duckdb(self.path, memory_limit=self._memory_limit)
            except duckdb.IOException as error:
                message = first_line(error)
                if "Could not set lock" not in message:
                    raise FatalError(f"cannot open the warehouse {self.path}: {message}") from error
                if time.monotonic() >= deadline:
                    raise ConflictError(
                        f"another program has the warehouse open: {message}",
                        hint=f"Close it. Readers are to open {self.published_path}.",
                    ) from error
                if not told:
                    self._on_wait("a program that has its file open")
                    told = True
                time.sleep(WAREHOUSE_FILE.first_wait)
            except duckdb.Error as error:
                message = first_line(error)
                raise FatalError(f"cannot open the warehouse {self.path}: {message}") from error
