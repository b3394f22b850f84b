"""DuckDB as the warehouse: one file that runs write, and a copy of its marts for readers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingest.contracts.names import folded
from ingest.contracts.types import Kind
from ingest.errors import ConfigurationError, ConflictError, FatalError, PlatformError, first_line
from ingest.lake.commit import DataFile
from ingest.retry_policies import WAREHOUSE_FILE
from ingest.settings import LakeSettings
from orchestration.warehouse.ddl import Dialect, Table
from orchestration.warehouse.duckdb.identity import identity_of
from orchestration.warehouse.duckdb.lake_files import LakeFiles, LocalFile
from orchestration.warehouse.duckdb.lake_reader import DESCRIBE_PARQUET, PARQUET, open_duckdb
from orchestration.warehouse.duckdb.lock import WriterLock
from orchestration.warehouse.duckdb.private_files import make_private, private_files
from orchestration.warehouse.duckdb.publish import publish_schema, published_file, republish_rows
from orchestration.warehouse.protocol import LockHolder, Publication, Purpose, Row, Rows

if TYPE_CHECKING:
    import pyarrow as pa

DIALECT = Dialect(
    name="duckdb",
    types={
        Kind.BOOLEAN: "BOOLEAN",
        Kind.INT16: "SMALLINT",
        Kind.INT32: "INTEGER",
        Kind.INT64: "BIGINT",
        Kind.FLOAT32: "FLOAT",
        Kind.FLOAT64: "DOUBLE",
        Kind.DATE: "DATE",
        Kind.TIMESTAMP: "TIMESTAMP",
        Kind.TIMESTAMPTZ: "TIMESTAMP WITH TIME ZONE",
        Kind.TEXT: "VARCHAR",
        Kind.BINARY: "BLOB",
    },
    decimal="DECIMAL({precision},{scale})",
)


_APPENDED = "_appended_rows"


class DuckDBSession:
    """A connection to the database. Every DuckDB error becomes a PlatformError."""

    dialect = DIALECT

    def __init__(self, connection: duckdb.DuckDBPyConnection, lake_files: LakeFiles) -> None:
        self._connection = connection
        self._lake_files = lake_files

    def create_schema(self, schema: str) -> None:
        """Create a schema if it does not exist."""
        self.execute(DIALECT.create_schema(schema))

    def about(self, *, stream: str | None = None, version: int | None = None) -> None:
        """Do nothing, because DuckDB keeps no history of statements."""

    def prepare_claims(self, names: Sequence[str]) -> None:
        """Do nothing. See `claim`."""

    def claim(self, name: str) -> None:
        """Do nothing: one process at a time has the file open, and it loads each stream once at a time."""

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement. Return the number of rows it changed (0 for one that changes none)."""
        with _statement_errors():
            answer = self._connection.execute(sql, list(parameters)).fetchall()
        return int(answer[0][0]) if answer and isinstance(answer[0][0], int) else 0

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        with _statement_errors():
            return self._connection.execute(sql, list(parameters)).fetchall()

    def columns(self, table: Table) -> Mapping[str, str]:
        """Return the types by column name; empty if the table does not exist."""
        rows = self.query(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() "
            "AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?) ORDER BY column_index",
            [table.schema, table.name],
        )
        return {str(name): str(type_) for name, type_ in rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in a transaction. Commit at its end, roll back on any exception."""
        self.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self.execute("COMMIT")

    def copy(self, table: Table, files: Sequence[DataFile]) -> Mapping[str, int]:
        """Append the rows of `files`, by column name.

        Return the number of rows loaded by file key. See `Session.copy`.
        """
        loaded: dict[str, int] = {}
        try:
            with closing(self._lake_files.groups(files)) as groups:
                for group in groups:
                    loaded |= self._copy_group(table, group)
        except PlatformError as error:
            error.stream = error.stream or table.name
            raise
        return loaded

    def append(self, table: Table, rows: pa.Table) -> None:
        """Append rows from memory, by column name."""
        with _statement_errors():
            self._connection.register(_APPENDED, rows)
        try:
            self.execute(f"INSERT INTO {DIALECT.table(table)} BY NAME SELECT * FROM {DIALECT.quote(_APPENDED)}")  # noqa: S608
        finally:
            self._connection.unregister(_APPENDED)

    @contextmanager
    def temporary_table(self, name: str, rows: pa.Table) -> Iterator[str]:
        """Make a table `name` of these rows that only this connection sees. Yield its quoted name."""
        quoted, source = DIALECT.quote(name), DIALECT.quote(f"{name}__rows")
        with _statement_errors():
            self._connection.register(f"{name}__rows", rows)
        self.execute(f"CREATE OR REPLACE TEMP TABLE {quoted} AS SELECT * FROM {source}")  # noqa: S608
        self._connection.unregister(f"{name}__rows")
        try:
            yield quoted
        finally:
            self.execute(f"DROP TABLE {quoted}")

    @contextmanager
    def fork(self) -> Iterator[DuckDBSession]:
        """Yield an independent session on the same open database."""
        cursor = self._connection.cursor()
        try:
            yield DuckDBSession(cursor, self._lake_files)
        finally:
            cursor.close()

    def _copy_group(self, table: Table, group: Sequence[LocalFile]) -> dict[str, int]:
        keys = {str(local.path): local.file.key for local in group}
        with _load_errors(table, keys):
            self._check_columns(table, group)
            counted = self._connection.execute(
                "SELECT file_name, num_rows FROM parquet_file_metadata(?)", [list(keys)]
            ).fetchall()
            rows = {keys[str(path)]: int(count) for path, count in counted}
            self._connection.execute(
                f"INSERT INTO {DIALECT.table(table)} BY NAME SELECT * FROM {PARQUET}",  # noqa: S608
                [list(keys)],
            )
            [(inserted,)] = self._connection.fetchall()
        if inserted != sum(rows.values()):
            raise FatalError(
                f"{inserted} rows were inserted from files of {sum(rows.values())}: {', '.join(list(rows)[:3])}",
                stream=table.name,
            )
        return rows

    def _check_columns(self, table: Table, group: Sequence[LocalFile]) -> None:
        """Refuse columns that an INSERT would cast: only equal or losslessly wider types are accepted."""
        wanted = {folded(name): type_ for name, type_ in self.columns(table).items()}
        if not self._misfits(wanted, group):
            return
        for local in group:
            for misfit in self._misfits(wanted, [local]):
                raise ConfigurationError(
                    f"{local.file.key} has {misfit}",
                    stream=table.name,
                    hint="The loader's contracts must be as new as the ones that landed the file. A column whose type "
                    "changed needs a new name.",
                )

    def _misfits(self, wanted: Mapping[str, str], group: Sequence[LocalFile]) -> list[str]:
        found = self._connection.execute(DESCRIBE_PARQUET, [[str(local.path) for local in group]]).fetchall()
        misfits = []
        for name, type_, *_ in found:
            column = wanted.get(folded(str(name)))
            if column is None:
                misfits.append(f"a column '{name}' that the table does not have")
            elif type_ != column and not DIALECT.widens(str(type_), column):
                misfits.append(f"column '{name}' as {type_}, where the table has {column}")
        return misfits


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


@contextmanager
def _statement_errors() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise FatalError(f"the warehouse refused a statement: {first_line(error)}") from error


@contextmanager
def _load_errors(table: Table, keys: Mapping[str, str]) -> Iterator[None]:
    """Convert DuckDB's errors about local copies, with the names of the lake's files in their messages.

    `keys` maps the paths of the copies to the files' keys.
    """
    try:
        yield
    except duckdb.Error as error:
        message = first_line(error)
        for path, key in keys.items():
            message = message.replace(path, key)
        hint = "Raise DUCKDB_MEMORY_LIMIT." if isinstance(error, duckdb.OutOfMemoryException) else None
        raise FatalError(f"cannot load from the lake: {message}", stream=table.name, hint=hint) from error
