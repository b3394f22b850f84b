"""One SQL query in Snowflake, with any login: the reader's on the marts, the auditor's on everything."""

from __future__ import annotations

import re
from contextlib import closing

from snowflake.connector import errors as connector
from snowflake.connector.constants import FIELD_NAME_TO_ID

from ingest.errors import AccessError, ConfigurationError
from orchestration.warehouse.answer import Answer
from orchestration.warehouse.snowflake.errors import statement_error
from orchestration.warehouse.snowflake.login import Login

_NUMERIC = {FIELD_NAME_TO_ID[name] for name in ("FIXED", "REAL", "DECFLOAT")}

_READING = re.compile(
    r"(?:\s|--[^\n]*(?:\n|$)|//[^\n]*(?:\n|$)|/\*.*?\*/|\()*(?:select|with|values|show|desc|describe|explain|list|ls)\b",
    re.IGNORECASE | re.DOTALL,
)
"""What a statement that writes nothing begins with; Snowflake runs one statement a request."""


def run_reading_query(login: Login, sql: str, *, limit: int | None) -> Answer:
    """Run a query like `run_query`, for a login that could write.

    Raises ConfigurationError for SQL that does not begin as a read, or that goes on as another statement by `->>`.
    """
    if not _READING.match(sql) or "->>" in sql:
        raise ConfigurationError("this is no SELECT, SHOW, DESCRIBE, LIST or EXPLAIN; it was not run")
    return run_query(login, sql, limit=limit)


def run_query(login: Login, sql: str, *, limit: int | None) -> Answer:
    """Return the first `limit` rows (all for None) of one statement.

    Raises ConfigurationError for SQL that Snowflake refuses, with Snowflake's message, AccessError if the role lacks a
    right.
    """
    with closing(login.connect()) as connection:
        cursor = connection.cursor()
        try:
            cursor.execute(sql)
            rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
        except connector.Error as error:
            translated = statement_error(error, login.caller.running(sql))
            if isinstance(translated, AccessError):
                raise translated from error
            raise ConfigurationError(f"the query cannot be run: {translated.message}") from error
        described = cursor.description or []
    shown = rows if limit is None else rows[:limit]
    return Answer(
        columns=tuple(column.name.lower() for column in described),
        numeric=tuple(column.type_code in _NUMERIC for column in described),
        rows=tuple(tuple(row) for row in shown),
        more=len(rows) > len(shown),
    )
