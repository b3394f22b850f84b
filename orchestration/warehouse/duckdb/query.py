"""One SQL query on one file. It reads only that file, within limits of memory and time.

Readers query the published file, operators the file that runs write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import duckdb
from duckdb import StatementType

from ingest.errors import ConfigurationError, ConflictError, FatalError, first_line
from orchestration.warehouse.answer import Answer
from orchestration.warehouse.duckdb.lake_reader import open_duckdb

_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "UINTEGER", "UBIGINT")
_COMMENT = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_EXPLAIN = re.compile(
    rf"{_COMMENT}explain\b{_COMMENT}(?:analyze\b)?{_COMMENT}(?:\([^()]*\))?", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class QueryLimits:
    """The limits of one query: `memory` in DuckDB's form (`4GB`; None for its default), and `seconds`."""

    memory: str | None = None
    seconds: float = 300.0


def run_query(published: Path, sql: str, *, limit: int | None, limits: QueryLimits = QueryLimits()) -> Answer:
    """Return the first `limit` rows (all for None) of a query on the published file.

    Raises ConfigurationError if nothing was published yet, and the errors of `answer_from`.
    """
    if not published.exists():
        raise ConfigurationError(
            f"nothing is published in {published.parent} yet",
            hint="Run the flow once (`python orchestration/prefect/flow.py`), or correct WAREHOUSE_DIR.",
        )
    return answer_from(published, sql, limit=limit, limits=limits)


@contextmanager
def _open_to_read(path: Path, *, memory: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database read-only, without access to other files or the network, and without spilling to disk.

    Raises FatalError if it is no database, ConflictError while another program writes it.
    """
    try:
        connection = open_duckdb(path, read_only=True)
    except duckdb.IOException as error:
        if "Could not set lock" in str(error):
            raise ConflictError(f"another program has the warehouse open: {first_line(error)}") from error
        raise FatalError(f"cannot open {path}: {first_line(error)}") from error
    except duckdb.Error as error:
        raise FatalError(f"cannot open {path}: {first_line(error)}") from error
    try:
        if memory is not None:
            connection.execute("SET memory_limit = ?", [memory])
        connection.execute("SET temp_directory = ''")
        connection.execute("SET enable_external_access = false")
        # Without it, COPY could still write the copy itself and the log beside it.
        connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def answer_from(path: Path, sql: str, *, limit: int | None, limits: QueryLimits) -> Answer:
    """Return the first `limit` rows (all for None) of a query on the database `path`.

    Raises ConfigurationError for anything but one SELECT, SHOW, DESCRIBE or EXPLAIN, for a query beyond its `limits`,
    and for SQL that DuckDB refuses, with DuckDB's message and the position.
    """
    with _open_to_read(path, memory=limits.memory) as connection:
        timer = Timer(limits.seconds, connection.interrupt)
        try:
            statement = _reading_statement(connection, sql)
            timer.start()
            connection.execute(statement)
            description = connection.description or []
            rows = connection.fetchall() if limit is None else connection.fetchmany(limit + 1)
        except duckdb.InterruptException as error:
            raise ConfigurationError(
                f"the query took longer than {limits.seconds:g} s", hint="Ask for less, or raise QUERY_TIMEOUT_SECONDS."
            ) from error
        except duckdb.OutOfMemoryException as error:
            raise ConfigurationError(
                f"the query needs more memory than it may take: {first_line(error)}",
                hint="Ask for less, or raise DUCKDB_MEMORY_LIMIT.",
            ) from error
        except duckdb.Error as error:
            raise ConfigurationError(f"the query cannot be run: {str(error).strip()}") from error
        finally:
            timer.cancel()
    shown = rows if limit is None else rows[:limit]
    return Answer(
        columns=tuple(column[0] for column in description),
        numeric=tuple(str(column[1]).upper().startswith(_NUMERIC) for column in description),
        rows=tuple(shown),
        more=len(rows) > len(shown),
    )


def _reading_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """Return the one statement of `sql`, which must only read. DuckDB parses SHOW, DESCRIBE and SUMMARIZE as SELECT."""
    statements = connection.extract_statements(sql)
    if len(statements) == 1 and _reads(connection, statements[0]):
        return statements[0]
    kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
    raise ConfigurationError(f"a query is one SELECT, SHOW, DESCRIBE or EXPLAIN, and this is {kinds}")


def _reads(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> bool:
    if statement.type != StatementType.EXPLAIN:
        return bool(statement.type == StatementType.SELECT)
    explained = connection.extract_statements(_EXPLAIN.sub("", statement.query, count=1))
    return [inner.type for inner in explained] == [StatementType.SELECT]
