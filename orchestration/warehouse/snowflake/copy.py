"""COPY INTO from the stage: the statement, and the check of its result file by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.errors import FatalError
from ingest.lake.commit import DataFile
from orchestration.warehouse.ddl import Table

_OPTIONS = (
    "FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE "
    "NULL_IF = ()) "
    "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT FORCE = TRUE"
)
"""NULL_IF: by default COPY loads each text `\\N` as NULL, of Parquet too where columns are matched by name
(https://docs.snowflake.com/en/sql-reference/sql/copy-into-table, "TYPE = PARQUET").

FORCE: Snowflake's memory of loaded files lasts 64 days and knows no replay. The ledger decides what is loaded, in
the same transaction; nothing may be left out because a file of this name was loaded before."""


def copy_statement(target: str, stage: str, files: Sequence[DataFile]) -> str:
    """Return the COPY of these files of the stage, matching columns by name.

    `target` and `stage` are quoted already.
    """
    names = ", ".join(literal(file.key) for file in files)
    return f"COPY INTO {target} FROM @{stage} FILES = ({names}) {_OPTIONS}"


def copied_rows(
    table: Table, files: Sequence[DataFile], columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> Mapping[str, int]:
    """Return the number of loaded rows by file key, from COPY's result with one row for each file.

    Raises FatalError for a file that the result lacks, or of which COPY did not load all rows that it read.
    """
    place = {name.lower(): index for index, name in enumerate(columns)}
    if "file" not in place or "rows_loaded" not in place:
        # COPY returns this if it had nothing to do.
        raise FatalError(f"COPY loaded none of {len(files)} files: {rows[0][0] if rows else 'no answer'}")
    loaded: dict[str, int] = {}
    for row in rows:
        key = _key(str(row[place["file"]]), files)
        status, parsed, taken = str(row[place["status"]]), row[place["rows_parsed"]], row[place["rows_loaded"]]
        if status.upper() != "LOADED" or parsed != taken:
            reason = row[place["first_error"]] or "no reason given"
            raise FatalError(f"{key} was loaded as {status}, {taken} of {parsed} rows: {reason}", stream=table.name)
        loaded[key] = int(taken)
    missing = [file.key for file in files if file.key not in loaded]
    if missing:
        raise FatalError(f"COPY returned no row for {missing[0]} and {len(missing) - 1} more", stream=table.name)
    return loaded


def literal(text: str) -> str:
    """Return a string constant, for file names, stages and tags, where Snowflake accepts no bound value."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _key(name: str, files: Sequence[DataFile]) -> str:
    """Return the key of the file that COPY names by its URL or by its path below the stage's."""
    for file in files:
        if name == file.key or name.endswith(f"/{file.key}"):
            return file.key
    raise FatalError(f"COPY loaded {name}, which it was not asked for")
