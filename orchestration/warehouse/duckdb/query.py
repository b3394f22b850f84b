"""One SQL query on the published copy, read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingest.errors import ConfigurationError, FatalError, first_line
from orchestration.warehouse.answer import Answer
from orchestration.warehouse.duckdb.lake_reader import open_duckdb

_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "UINTEGER", "UBIGINT")


@contextmanager
def open_published(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published copy, read-only, without access to other files or the network.

    Raises ConfigurationError if nothing was published yet, FatalError where it is no database.
    """
    if not path.exists():
        raise ConfigurationError(
            f"nothing is published in {path.parent} yet",
            hint="Run the flow once (`python orchestration/prefect/flow.py`), or correct WAREHOUSE_DIR.",
        )
    try:
        connection = open_duckdb(path, read_only=True)
    except duckdb.Error as error:
        raise FatalError(f"cannot open {path}: {first_line(error)}") from error
    try:
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def run_query(path: Path, sql: str, *, limit: int | None) -> Answer:
    """The first `limit` rows (all for None) of a query on the published copy.

    Raises ConfigurationError for SQL that DuckDB refuses, with its own words and the place in the text.
    """
    with open_published(path) as connection:
        try:
            connection.execute(sql)
            description = connection.description or []
            rows = connection.fetchall() if limit is None else connection.fetchmany(limit + 1)
        except duckdb.Error as error:
            raise ConfigurationError(f"the query cannot be run: {str(error).strip()}") from error
    shown = rows if limit is None else rows[:limit]
    return Answer(
        columns=tuple(column[0] for column in description),
        numeric=tuple(str(column[1]).upper().startswith(_NUMERIC) for column in description),
        rows=tuple(shown),
        more=len(rows) > len(shown),
    )
