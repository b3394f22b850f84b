"""A session of Snowflake: statements, transactions, COPY. Every error is raised as one of the platform's."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from snowflake.connector import errors as connector

from ingest.contracts.names import quoted
from ingest.contracts.types import LandingType
from ingest.errors import PlatformError, TransientError
from ingest.lake.commit import DataFile
from ingest.logs import get_logger
from orchestration.warehouse.ddl import Table, TableColumn, claim_table
from orchestration.warehouse.protocol import MAX_FILES_PER_STATEMENT, Row
from orchestration.warehouse.snowflake.copy import copied_rows, copy_statement, literal
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE, declared_type
from orchestration.warehouse.snowflake.errors import is_connection_lost, statement_error
from orchestration.warehouse.snowflake.login import APPLICATION, Connection, Login

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.connector.cursor import SnowflakeCursor

T = TypeVar("T")

_ROWS_PER_INSERT = 1000
_BINDS_PER_INSERT = 9_000
_NO_OBJECT = (2003, 2043)
_ALREADY_THERE = 2002
_IF_MISSING = re.compile(r"CREATE \w+ IF NOT EXISTS ")
_GRACE_SECONDS = 60
"""What we leave Snowflake to end a statement by its own timeout before we cancel it."""
_CHANGES = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Place:
    """The schemas of a session: RAW, the stage in it, and a schema in which its role may make tables."""

    database: str
    raw_schema: str
    stage: str
    scratch_schema: str

    @property
    def stage_name(self) -> str:
        """The stage with its database and schema, quoted."""
        return ".".join(map(SNOWFLAKE.quote, (self.database, self.raw_schema, self.stage)))


class SnowflakeSession:
    """A connection that is opened when it is first needed, and opened again after it was lost.

    It does not commit by itself: a statement outside a transaction is rolled back with the session. It is never opened
    again inside a transaction or while a temporary table is in use, because both are lost with the old connection.
    """

    dialect = SNOWFLAKE

    def __init__(self, login: Login, place: Place, run_id: str) -> None:
        self._login = login
        self._place = place
        self._run_id = run_id
        self._connection: Connection | None = None
        self._lost_session: int | None = None
        self._pinned = 0
        self._in_transaction = False
        self._caller = login.caller
        self._wanted_tag = query_tag(run_id)
        self._tag = ""

    def create_schema(self, schema: str) -> None:
        """Create a schema if it does not exist. Only then does the role need the right."""
        [(count,)] = self.query(
            "SELECT count(*) FROM information_schema.schemata WHERE schema_name = ?", [schema.upper()]
        )
        if not count:
            self.execute(SNOWFLAKE.create_schema(schema))

    def about(self, *, stream: str | None = None, version: int | None = None) -> None:
        """Put stream and version into messages and into the QUERY_TAG of the next statements, beside the run."""
        self._caller = replace(self._login.caller, stream=stream)
        self._wanted_tag = query_tag(self._run_id, stream, version)

    def prepare_claims(self, names: Sequence[str]) -> None:
        """Create the missing tables of claims. Only then does the role need the right."""
        schema = self._place.raw_schema
        rows = self.query("SELECT table_name FROM information_schema.tables WHERE table_schema = ?", [schema.upper()])
        present = {quoted(str(name)) for (name,) in rows}
        for table in (claim_table(name, schema) for name in names):
            if SNOWFLAKE.quote(table.name) not in present:
                self.execute(SNOWFLAKE.create_table(table))
                self._add_claim(table)

    def claim(self, name: str) -> None:
        """Hold RAW._CLAIM_<NAME> until the transaction ends. See `Session.claim`.

        Snowflake enforces no key, and each statement reads the committed state: without this, two loaders would both
        find a version missing and both load it. An UPDATE locks its whole table to the transaction's end
        (https://docs.snowflake.com/en/sql-reference/transactions, "Resource locking"), so each stream has its own
        table. Its row must be committed: if two transactions each insert a row, each sees and locks only its own. So
        another session inserts it, once in a stream's life. If two sessions did, later claims lock both rows together.
        """
        table = claim_table(name, self._place.raw_schema)
        update = f"UPDATE {SNOWFLAKE.table(table)} SET run_id = ?, since = current_timestamp()"  # noqa: S608
        if self.execute(update, [self._run_id]):
            return
        with self.fork() as other:
            other._add_claim(table)
        if not self.execute(update, [self._run_id]):
            raise TransientError("the row to claim the stream by is not to be seen yet", stream=self._caller.stream)

    def _add_claim(self, table: Table) -> None:
        self.execute(f"INSERT INTO {SNOWFLAKE.table(table)} (run_id) VALUES (NULL)")  # noqa: S608

    def qualified(self, table: Table) -> str:
        """Return `"DATABASE"."SCHEMA"."TABLE"`."""
        return f"{SNOWFLAKE.quote(self._place.database)}.{SNOWFLAKE.table(table)}"

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement. Return the number of rows it changed."""
        try:
            with self._cursor(sql, parameters) as cursor:
                changed = cursor.rowcount or 0
        except PlatformError as error:
            if not _is_made_by_another(sql, error):
                raise
            return 0
        if not self._in_transaction and sql.startswith(_CHANGES):
            self._run("COMMIT")
        return changed

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        with self._cursor(sql, parameters) as cursor:
            return [tuple(row) for row in cursor.fetchall()]

    def records(self, sql: str) -> list[dict[str, object]]:
        """Return all rows of a statement as mappings by lower-case column name, because SHOW gains columns in the
        middle.
        """
        with self._cursor(sql, ()) as cursor:
            names = [column.name.lower() for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def columns(self, table: Table) -> Mapping[str, str]:
        """Return the types by column name; empty if the table or view does not exist or the role may not see it."""
        try:
            with self._cursor(f"DESCRIBE TABLE {SNOWFLAKE.table(table)}", ()) as cursor:
                rows = cursor.fetchall()
        except PlatformError as error:
            if isinstance(error.__cause__, connector.Error) and error.__cause__.errno in _NO_OBJECT:
                return {}
            raise
        return {str(name): declared_type(str(type_)) for name, type_, *_ in rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in a transaction. Commit at its end, roll back on any exception."""
        self._run("BEGIN")
        with self._pin():
            self._in_transaction = True
            try:
                yield
                self._run("COMMIT")
            except BaseException:
                self._rollback()
                raise
            finally:
                self._in_transaction = False

    def copy(self, table: Table, files: Sequence[DataFile]) -> Mapping[str, int]:
        """Append the rows of `files`, by column name.

        Return the number of rows loaded by file key. See `Session.copy`.
        """
        loaded: dict[str, int] = {}
        for group in _groups(files, MAX_FILES_PER_STATEMENT):
            with self._cursor(copy_statement(self.qualified(table), self._place.stage_name, group), ()) as cursor:
                names = [column.name for column in cursor.description or []]
                loaded |= copied_rows(table, group, names, cursor.fetchall())
        return loaded

    def append(self, table: Table, rows: pa.Table) -> None:
        """Append rows from memory, by column name. Each statement takes as many rows as its placeholders allow."""
        names = ", ".join(map(SNOWFLAKE.quote, rows.column_names))
        row = f"({', '.join('?' for _ in rows.column_names)})"
        values = list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
        for group in _groups(values, max(1, _BINDS_PER_INSERT // rows.num_columns)):
            statement = f"INSERT INTO {SNOWFLAKE.table(table)} ({names}) VALUES {', '.join([row] * len(group))}"  # noqa: S608
            self.execute(statement, list(itertools.chain.from_iterable(group)))

    @contextmanager
    def temporary_table(self, name: str, rows: pa.Table) -> Iterator[str]:
        """Make a table `name_<random>` of these rows that only this connection sees. Yield its quoted name."""
        columns = tuple(TableColumn(field.name, LandingType.of(field.type)) for field in rows.schema)
        # A unique name, because concurrent sessions could replace each other's table where temporary tables are shared.
        table = Table(self._place.scratch_schema, f"{name}_{uuid4().hex}", columns)
        spelt = SNOWFLAKE.table(table)
        values = list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
        row = f"({', '.join('?' for _ in columns)})"
        self._ensure_connected()
        with self._pin():
            self.execute(SNOWFLAKE.create_temporary_table(table))
            for group in _groups(values, _ROWS_PER_INSERT):
                statement = f"INSERT INTO {spelt} VALUES {', '.join([row] * len(group))}"  # noqa: S608
                self.execute(statement, list(itertools.chain.from_iterable(group)))
            yield spelt
            self.execute(f"DROP TABLE {spelt}")

    @contextmanager
    def fork(self) -> Iterator[SnowflakeSession]:
        """Yield an independent session."""
        session = SnowflakeSession(self._login, self._place, self._run_id)
        try:
            yield session
        finally:
            session.close()

    def close(self) -> None:
        """Log out. Uncommitted changes are rolled back, and temporary tables are dropped."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, sql: str) -> None:
        with self._cursor(sql, ()):
            pass

    @contextmanager
    def _cursor(self, sql: str, parameters: Sequence[object]) -> Iterator[SnowflakeCursor]:
        """Run the statement and yield its cursor.

        Raises the errors of `Session`; a lost connection is a TransientError.
        """
        connection = self._ensure_connected()
        try:
            if self._tag != self._wanted_tag:
                self._run_on(connection, f"ALTER SESSION SET QUERY_TAG = {literal(self._wanted_tag)}")
                self._tag = self._wanted_tag
            cursor = self._run_on(connection, sql, parameters)
        except connector.Error as error:
            if is_connection_lost(error):
                self._lose()
            raise statement_error(error, self._caller.running(sql)) from error
        try:
            yield cursor
        except connector.Error as error:  # errors of fetching
            raise statement_error(error, self._caller.running(sql)) from error
        finally:
            cursor.close()

    def _run_on(self, connection: Connection, sql: str, parameters: Sequence[object] = ()) -> SnowflakeCursor:
        """Run the statement and return its cursor. Raises the connector's errors."""
        cursor = connection.cursor()
        timeout = self._login.settings.statement_timeout_seconds + _GRACE_SECONDS
        cursor.execute(sql, [_bound(value) for value in parameters] or None, timeout=timeout)
        return cursor

    def _ensure_connected(self) -> Connection:
        if self._connection is not None:
            return self._connection
        if self._pinned:
            raise TransientError("the connection to Snowflake was lost in a transaction", stream=self._caller.stream)
        self._connection = self._login.connect()
        self._tag = ""
        if self._lost_session is not None:
            self._end_lost_session(self._connection, self._lost_session)
            self._lost_session = None
        return self._connection

    def _end_lost_session(self, connection: Connection, session_id: int) -> None:
        """End a session that we lost, so that its transaction blocks nobody until Snowflake notices."""
        try:
            self._run_on(connection, f"SELECT SYSTEM$ABORT_SESSION({session_id})")
        except connector.Error as error:
            # It may have ended by itself, or the role may lack the right. Snowflake's own timeout then ends its
            # transaction.
            get_logger(run_id=self._run_id).warning("could not end the lost session", error=error.raw_msg)

    def _lose(self) -> None:
        if self._connection is not None:
            self._lost_session = self._connection.session_id
            self._connection = None

    @contextmanager
    def _pin(self) -> Iterator[None]:
        """Keep all statements within the block on the first one's connection."""
        self._pinned += 1
        try:
            yield
        finally:
            self._pinned -= 1

    def _rollback(self) -> None:
        """Roll back. If the connection is lost, Snowflake does."""
        if self._connection is None:
            return
        try:
            self._run_on(self._connection, "ROLLBACK")
        except connector.Error as error:
            # The original error is the one to raise. A session that cannot even roll back is not used again.
            get_logger(run_id=self._run_id).warning("could not roll back", error=error.raw_msg)
            self._lose()


def _is_made_by_another(sql: str, error: PlatformError) -> bool:
    """Return whether another session has just created the object: both may have found it missing."""
    cause = error.__cause__
    return isinstance(cause, connector.Error) and cause.errno == _ALREADY_THERE and bool(_IF_MISSING.match(sql))


def query_tag(run_id: str, stream: str | None = None, version: int | None = None) -> str:
    """Return the query tag of each statement in Snowflake's query history, as JSON."""
    tag = {"app": APPLICATION, "run": run_id, "stream": stream, "version": version}
    return json.dumps({name: value for name, value in tag.items() if value is not None})


def _bound(value: object) -> object:
    """Return a value in the form that the connector binds correctly.

    It would bind an instant as a time without zone.
    """
    if isinstance(value, datetime):
        return ("TIMESTAMP_TZ", value.astimezone(UTC)) if value.tzinfo else ("TIMESTAMP_NTZ", value)
    return value


def _groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
