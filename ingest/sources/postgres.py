"""Reads Postgres: one horizon and one snapshot per session, COPY-protocol streams in bounded batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn
from pydantic import SecretStr

from ingest.contracts.model import Column, Mode, StreamContract
from ingest.contracts.types import Kind
from ingest.errors import AccessError, ConfigurationError, PlatformError, TransientError, UnreachableError
from ingest.lake.commit import Window
from ingest.sources.columns import qualified, select_list, unrepresentable
from ingest.sources.horizon import APPLICATION_NAME, Horizon, read_horizon

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection

# The text that Postgres prints for a value depends on these; so they are fixed.
_SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "lc_monetary": "C",
    # A policy that hides rows would make the keys pass take them for deleted; this way the read fails instead.
    "row_security": "off",
    "default_transaction_read_only": "on",
    "idle_in_transaction_session_timeout": "0",
}


@dataclass(frozen=True)
class RefusedRow:
    """A row that its contract's types cannot hold: why, its key as JSON text, and the whole row as JSON text."""

    reason: str
    key: str
    record: str


class PostgresSession:
    """A horizon, then a REPEATABLE READ snapshot, shared by all readers of a run.

    Every row that can ever carry a cursor below `horizon.at` is visible in the snapshot. Safe for several threads:
    each read has a connection of its own, which imports the snapshot.
    """

    def __init__(self, dsn: SecretStr, *, margin: timedelta) -> None:
        self._dsn = connection_string(dsn)
        self._control = connect(dsn)
        try:
            with postgres_errors("open a snapshot"):
                self.horizon: Horizon = read_horizon(self._control, margin=margin)
                self._control.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
                with self._control.cursor() as cursor:
                    cursor.execute("select pg_export_snapshot()")
                    self.snapshot: str = _one(cursor.fetchone())
        except BaseException:
            self._control.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the snapshot."""
        self._control.close()

    def read(self, contract: StreamContract, window: Window | None) -> Iterator[pa.RecordBatch]:
        """The contract's columns of the rows in `window` (all rows for None), as the driver gives them."""
        query = sql.SQL("select {columns} from {table}{where}{order}").format(
            columns=select_list(contract.columns),
            table=qualified(contract.source_object),
            where=_where(contract, window),
            order=_by_key(contract) if contract.spec.mode is Mode.SNAPSHOT else sql.SQL(""),
        )
        return self._stream(query, contract)

    def read_keys(
        self, contract: StreamContract, *, unsettled_from: datetime | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The key columns of all rows, in key order.

        With `unsettled_from`, only of rows that the lake may not hold as they are: those whose cursor is at or above
        that moment, and those that the contract's types cannot hold.
        """
        where = sql.SQL("") if unsettled_from is None else _unsettled(contract, unsettled_from)
        query = sql.SQL("select {columns} from {table}{where}{order}").format(
            columns=select_list(contract.key_columns),
            table=qualified(contract.source_object),
            where=where,
            order=_by_key(contract),
        )
        return self._stream(query, contract)

    def count(self, contract: StreamContract, *, below: datetime | None) -> int:
        """Rows in the snapshot; with `below`, those that the lake must hold: none of the unsettled ones."""
        query = sql.SQL("select count(*) from {table}{where}").format(
            table=qualified(contract.source_object),
            where=sql.SQL("") if below is None else _unsettled(contract, below, negate=True),
        )
        return int(self._fetch(query, contract)[0][0])

    def refused_rows(self, contract: StreamContract, window: Window | None) -> list[RefusedRow]:
        """The rows of `window` that the contract's types cannot hold, with the reason, in key order."""
        reasons = unrepresentable(contract.columns)
        if not reasons:
            return []
        case = sql.SQL(" ").join(
            sql.SQL("when {} then {}").format(predicate, sql.Literal(reason)) for reason, predicate in reasons
        )
        query = sql.SQL(
            "select case {case} end, jsonb_build_object({key})::text, to_jsonb(source_row.*)::text"
            " from {table} source_row{where} {glue} ({any_of}){order}"
        ).format(
            case=case,
            key=sql.SQL(", ").join(
                sql.SQL("{}, {}").format(sql.Literal(name), sql.Identifier(name)) for name in contract.key
            ),
            table=qualified(contract.source_object),
            where=_where(contract, window),
            glue=sql.SQL("and" if window else "where"),
            any_of=_any_of(contract),
            order=_by_key(contract),
        )
        return [RefusedRow(*row) for row in self._fetch(query, contract)]

    def _fetch(self, query: sql.Composable, contract: StreamContract) -> list[tuple[Any, ...]]:
        with postgres_errors("read", contract), closing(psycopg2.connect(self._dsn)) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                cursor.execute("set transaction snapshot %s", (self.snapshot,))
                cursor.execute(query)
                return cursor.fetchall()

    def _stream(self, query: sql.Composable, contract: StreamContract) -> Iterator[pa.RecordBatch]:
        import adbc_driver_postgresql.dbapi as adbc

        text = query.as_string(self._control)
        with postgres_errors("read", contract), adbc.connect(self._dsn) as connection, connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read read only")
            cursor.execute(f"set transaction snapshot '{self.snapshot}'")
            cursor.execute(text)
            with cursor.fetch_record_batch() as reader:
                yield from reader


def connection_string(dsn: SecretStr) -> str:
    """The DSN with our application name and fixed session settings. Raises ConfigurationError."""
    _refuse_unencoded(dsn.get_secret_value())
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    try:
        return make_dsn(dsn.get_secret_value(), application_name=APPLICATION_NAME, options=options, connect_timeout=10)
    except psycopg2.ProgrammingError:
        raise ConfigurationError(
            "POSTGRES_DSN is not a connection string",
            hint="It looks like postgresql://user:password@host:5432/database.",
        ) from None


def _refuse_unencoded(dsn: str) -> None:
    """A password is cut at the first such character, and what follows would be shown as a host or a port."""
    scheme, _, rest = dsn.partition("://")
    password = rest.rpartition("@")[0].partition(":")[2]
    if scheme in ("postgres", "postgresql") and set(password) & set("@/"):
        raise ConfigurationError(
            "POSTGRES_DSN holds a character before its last '@' that must be percent-encoded",
            hint="In a password, write @ as %40 and / as %2F.",
        )


def connect(dsn: SecretStr) -> Connection:
    """A control connection in autocommit mode. Raises AccessError, ConfigurationError or TransientError."""
    with postgres_errors(CONNECTING):
        connection = psycopg2.connect(connection_string(dsn))
        connection.autocommit = True
        return connection


@contextmanager
def postgres_errors(doing: str, contract: StreamContract | None = None) -> Iterator[None]:
    """Puts the errors of psycopg2 and ADBC into the platform's taxonomy."""
    import adbc_driver_manager

    stream = contract.stream if contract else None
    try:
        yield
    except psycopg2.Error as error:
        raise _platform_error(doing, error.pgcode, str(error), stream) from error
    except adbc_driver_manager.Error as error:
        raise _platform_error(doing, error.sqlstate, str(error), stream) from error


CONNECTING = "connect"
_TRANSIENT_CLASSES = ("08", "40", "53", "57", "55", "58")
_ACCESS = {"28P01", "28000", "42501"}


def _platform_error(doing: str, sqlstate: str | None, text: str, stream: str | None) -> PlatformError:
    reason = next((line for line in text.splitlines() if line.strip()), "no reason given").strip()
    if sqlstate in _ACCESS or "authentication failed" in text or "no password supplied" in text:
        return AccessError(
            f"Postgres refuses to {doing}: {reason}",
            stream=stream,
            hint="Check the login and password in POSTGRES_DSN, and its SELECT grants.",
        )
    if "invalid snapshot identifier" in text:
        return TransientError("the session that held the snapshot has ended", stream=stream)
    if "does not exist" in text and (sqlstate is None or sqlstate == "3D000") and "database" in text:
        return ConfigurationError(f"cannot {doing}: {reason}", hint="Correct the database in POSTGRES_DSN.")
    if "could not translate host name" in text:
        return ConfigurationError(f"cannot {doing}: {reason}", hint="Correct the host in POSTGRES_DSN.")
    if sqlstate is None or sqlstate[:2] in _TRANSIENT_CLASSES:
        kind = UnreachableError if doing == CONNECTING else TransientError
        return kind(f"cannot {doing}: {reason}", stream=stream, hint="Is Postgres up, and is POSTGRES_DSN right?")
    return ConfigurationError(f"cannot {doing}: {reason} (SQLSTATE {sqlstate})", stream=stream)


def _where(contract: StreamContract, window: Window | None) -> sql.Composable:
    if window is None:
        return sql.SQL("")
    column = contract.cursor_column
    name = sql.Identifier(column.name)
    bounds = []
    if window.start is not None:
        bounds.append(sql.SQL("{} >= {}").format(name, _moment(window.start, column)))
    if window.end is not None:
        bounds.append(sql.SQL("{} < {}").format(name, _moment(window.end, column)))
    return sql.SQL(" where ") + (sql.SQL(" and ").join(bounds) if bounds else sql.SQL("true"))


def _unsettled(contract: StreamContract, moment: datetime, *, negate: bool = False) -> sql.Composable:
    """Rows at or above `moment`, and, where the contract lets a batch land without them, rows that do not fit."""
    column = contract.cursor_column
    refused = _any_of(contract) if contract.spec.max_quarantine_ratio else sql.SQL("false")
    test = sql.SQL("({} >= {} or coalesce({}, false))").format(
        sql.Identifier(column.name), _moment(moment, column), refused
    )
    return sql.SQL(" where not {}" if negate else " where {}").format(test)


def _any_of(contract: StreamContract) -> sql.Composable:
    predicates = [predicate for _, predicate in unrepresentable(contract.columns)]
    return sql.SQL(" or ").join(predicates) if predicates else sql.SQL("false")


def _moment(moment: datetime, column: Column) -> sql.Composable:
    """A literal, since COPY takes no parameters. A cursor without zone is in UTC by contract."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    if column.landing.kind is Kind.TIMESTAMPTZ:
        return sql.SQL("timestamptz {}").format(sql.Literal(f"{text}+00"))
    return sql.SQL("timestamp {}").format(sql.Literal(text))


def _by_key(contract: StreamContract) -> sql.Composable:
    return sql.SQL(" order by {}").format(sql.SQL(", ").join(sql.Identifier(name) for name in contract.key))


def _one(row: tuple[Any, ...] | None) -> Any:
    assert row is not None  # noqa: S101 - a select without FROM has one row
    return row[0]
