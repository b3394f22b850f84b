"""One SQL query on the marts of Snowflake, by the reader's role, on the warehouse of BI."""

from __future__ import annotations

from contextlib import closing

from snowflake.connector import errors as connector
from snowflake.connector.constants import FIELD_NAME_TO_ID

from ingest.errors import AccessError, ConfigurationError
from orchestration.warehouse.answer import Answer
from orchestration.warehouse.snowflake.errors import statement_error
from orchestration.warehouse.snowflake.login import Login

_NUMERIC = {FIELD_NAME_TO_ID[name] for name in ("FIXED", "REAL", "DECFLOAT")}


def run_query(login: Login, sql: str, *, limit: int | None) -> Answer:
    """The first `limit` rows (all for None) of one statement.

    Raises ConfigurationError for SQL that Snowflake refuses, with its own words, AccessError where the role may not.
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
