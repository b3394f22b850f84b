"""A connection to the DuckDB file: statements, tables, and loads from the lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import duckdb

from ingest.contracts.names import folded
from ingest.errors import ConfigurationError, FatalError, PlatformError, first_line
from ingest.lake.commit import DataFile
from orchestration.warehouse.ddl import Table
from orchestration.warehouse.duckdb.dialect import DIALECT
from orchestration.warehouse.duckdb.lake_files import LakeFiles, LocalFile
from orchestration.warehouse.duckdb.lake_reader import DESCRIBE_PARQUET, PARQUET
from orchestration.warehouse.protocol import Row

if TYPE_CHECKING:
    import pyarrow as pa

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
