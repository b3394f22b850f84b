"""The published DuckDB file. It is opened for the queries of one drawing of a page, and closed again.

Runs swap in a new file by rename. A reader that kept the old one open would keep its disk space in use and read old
figures. DuckDB also gives a second connection to a path the database that the process has already opened, whatever file
is there now. So the file is attached to an in-memory database that only one drawing uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import duckdb

from analytics.settings import Settings
from analytics.warehouse.source import MAX_ROWS, Incomplete, Republished, Rows, Unavailable, too_many

_RUN_IT = "Run the flow once (`make demo`, or `docker compose up`), or correct WAREHOUSE_DIR."
_NONE_YET = "Where a first run has failed, Prefect's page of that run says why."


class DuckDBFile:
    """The file that `settings` name."""

    polls = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file = settings.file

    def publication_id(self) -> str:
        """Return inode, time and size of the file. See `Source.publication_id`."""
        try:
            found = self._file.stat()
        except FileNotFoundError:
            raise Unavailable(f"Nothing is published in {self._file.parent} yet.", f"{_RUN_IT} {_NONE_YET}") from None
        except OSError as error:
            raise Unavailable(f"{self._file} cannot be read: {error.strerror}.", "Let this user read it.") from error
        return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"

    @contextmanager
    def session(self, publication_id: str) -> Iterator[DuckDBSession]:
        """Open the file read-only, without access to other files or the network. See `Source.session`."""
        connection = duckdb.connect(":memory:")
        try:
            self._attach(connection)
            if self.publication_id() != publication_id:
                raise Republished
            yield DuckDBSession(connection, self._settings.seconds)
        finally:
            connection.close()

    def _attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        mart = self._settings.mart.replace('"', '""')
        try:
            connection.execute("SET memory_limit = ?", [self._settings.memory])
            connection.execute("SET temp_directory = ''")
            connection.execute(f"ATTACH {_literal(self._file)} AS marts (READ_ONLY)")
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f'USE marts."{mart}"')
            connection.execute("SET enable_external_access = false")
            connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
            connection.execute("SET lock_configuration = true")
        except duckdb.CatalogException as error:
            raise Incomplete(
                f"{self._file} has no schema {self._settings.mart}.", "Run the flow again, or correct MART_SCHEMA."
            ) from error
        except duckdb.Error as error:
            raise Unavailable(f"{self._file} cannot be opened: {_first_line(error)}", _RUN_IT) from error


class DuckDBSession:
    """A session on the published file. See `Session`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    def query(self, sql: str, values: Sequence[object]) -> Rows:
        """See `Session.query`."""
        timer = Timer(self._seconds, self._connection.interrupt)
        try:
            timer.start()
            self._connection.execute(sql, list(values))
            columns = tuple(column[0].lower() for column in self._connection.description or ())
            rows = self._connection.fetchmany(MAX_ROWS + 1)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise Incomplete(
                f"The marts are not those that this page knows: {_first_line(error)}",
                "Run the flow with the models of this version of the platform.",
            ) from error
        except duckdb.InterruptException as error:
            raise Unavailable(
                f"A query took longer than {self._seconds:g} s.", "Choose a shorter range, or filter more."
            ) from error
        except duckdb.Error as error:
            raise Unavailable(f"A query failed: {_first_line(error)}", "Choose less, or ask an operator.") from error
        finally:
            timer.cancel()
        if len(rows) > MAX_ROWS:
            raise too_many(len(columns))
        return Rows(columns, tuple(rows))


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
