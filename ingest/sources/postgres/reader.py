"""Reads Postgres: one horizon and one snapshot per session, COPY-protocol streams in bounded batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypedDict

import psycopg2
from psycopg2 import sql
from pydantic import SecretStr

from ingest.contracts.introspect import LiveTable, live_tables
from ingest.contracts.model import Column, StreamContract
from ingest.contracts.types import Kind
from ingest.errors import ConfigurationError, TransientError
from ingest.lake.commit import Window
from ingest.sources.overlap import overlapped
from ingest.sources.postgres import queries
from ingest.sources.postgres.connection import Server, in_unicode, postgres_errors
from ingest.sources.postgres.horizon import Horizon, read_horizon, require_reached
from ingest.sources.postgres.local_time import LocalTimes, local_times
from ingest.sources.postgres.pool import ConnectionPool
from ingest.sources.postgres.queries import Blocks, CursorRange
from ingest.sources.postgres.snapshot import Snapshot, export_snapshot, join_snapshot

if TYPE_CHECKING:
    import pyarrow as pa
    from adbc_driver_postgresql.dbapi import Connection as Reader
    from psycopg2.extensions import connection as Connection

BATCH_BYTES = 2 * 2**20
"""What the driver collects before it gives a batch; memory is a small multiple of it."""
_AHEAD = 2
_PART_BLOCKS = 8192
"""64 MB of a table: what one reader takes at a time, so that readers end at about the same moment."""
_TID_RANGE_SCAN = 140_000
"""The first server that reads a range of blocks without reading the others."""


@dataclass(frozen=True)
class RefusedRow:
    """A row that its contract's types cannot hold: the reason, its key as JSON text, and the whole row as JSON text."""

    reason: str
    key: str
    record: str


@dataclass(frozen=True)
class Beyond:
    """Rows with a cursor above some moment: their number, the highest cursor as text, and some keys as JSON texts."""

    rows: int
    highest: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class SharedSnapshot:
    """The snapshot of an open session, by the name that Postgres exported it under, and its horizon."""

    name: str
    horizon: Horizon


class _Locking(TypedDict):
    lock_timeout: timedelta
    other: Callable[[], Connection]


class PostgresSession:
    """A horizon, then a REPEATABLE READ snapshot, which all readers of a run share.

    Every row that can ever carry a cursor below `horizon.at` is visible in the snapshot. `tables` are the tables'
    shapes in it. Safe for several threads: each read has a connection of its own, which imports the snapshot.
    """

    def __init__(
        self,
        dsn: SecretStr,
        tables: Sequence[str],
        *,
        margin: timedelta,
        lock_timeout: timedelta = timedelta(seconds=10),
        readers: int = 2,
        shared: SharedSnapshot | None = None,
    ) -> None:
        """Open a session. With `shared`, join the snapshot of another open session, and take over its horizon.

        Raises ConfigurationError for a horizon that Postgres has not reached.
        """
        self._server = Server(dsn)
        self._max_readers = readers
        self._readers: ConnectionPool[Reader] = ConnectionPool(self._open_reader)
        self._sessions: ConnectionPool[Connection] = ConnectionPool(self._open_session)
        self._local_times: dict[tuple[datetime, str], LocalTimes] = {}
        self._control = self._server.connect()
        try:
            with postgres_errors("open a snapshot"):
                locking: _Locking = {"lock_timeout": lock_timeout, "other": self._server.connect}
                if shared is None:
                    self.horizon: Horizon = read_horizon(self._control, margin=margin)
                    self._snapshot: Snapshot = export_snapshot(self._control, tables, **locking)
                else:
                    require_reached(self._control, shared.horizon)
                    self.horizon = shared.horizon
                    self._snapshot = join_snapshot(self._control, shared.name, tables, **locking)
                with self._control.cursor() as cursor:
                    self._server.hold_settings(cursor, self._control)
                self._require_one_server()
                lockable = [table for table in tables if table not in self._snapshot.busy]
                self._tables = live_tables(self._control, lockable)
        except BaseException:
            self._control.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the snapshot."""
        self._readers.close()
        self._sessions.close()
        self._control.close()

    @property
    def shared(self) -> SharedSnapshot:
        """The snapshot's identifier and horizon, by which other sessions join while this one is open."""
        return SharedSnapshot(self._snapshot.name, self.horizon)

    def table(self, name: str) -> LiveTable | None:
        """Return a table's shape in the snapshot, None if it does not exist.

        Raises TransientError if the table is locked.
        """
        if name in self._snapshot.busy:
            raise TransientError(
                f"{name} is locked: {self._snapshot.busy[name]}", hint="The next run reads it when it is free."
            )
        return self._tables.get(name)

    def read(self, contract: StreamContract, window: Window | None) -> Iterator[pa.RecordBatch]:
        """Yield the rows in `window` with the contract's columns. If `window` is None, yield all rows in a fixed order.

        Rows are read ahead of the caller. A large part of a table is read by several readers at once, in no order.
        """
        if window is None:
            return self._stream([queries.all_rows(contract)], contract)
        cursors = self._range(contract, window)
        whole = queries.rows(contract, cursors)
        parts = [queries.rows(contract, cursors, blocks=blocks) for blocks in self._blocks(contract, window)]
        return self._stream(parts or [whole], contract)

    def read_keys(
        self, contract: StreamContract, *, unsettled_from: datetime | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the key columns of all rows, in key order.

        With `unsettled_from`, yield only keys of rows that the lake may hold in an older state. These are rows whose
        cursor is at or above that moment, and rows that the contract's types cannot hold.
        """
        return self._stream([queries.keys(contract, unsettled_from=self._first(contract, unsettled_from))], contract)

    def read_misfit_keys(self, contract: StreamContract) -> Iterator[pa.RecordBatch]:
        """Yield the key columns of the rows that the contract's types cannot hold."""
        query = queries.misfit_keys(contract)
        return iter(()) if query is None else self._stream([query], contract)

    def count(self, contract: StreamContract, *, below: datetime | None) -> int:
        """Return the number of rows in the snapshot.

        With `below`, count only rows that the lake must hold, not unsettled ones.
        """
        return int(self._fetch(queries.count(contract, below=self._first(contract, below)), contract)[0][0])

    def beyond(self, contract: StreamContract, moment: datetime, *, examples: int) -> Beyond:
        """Return the rows with a cursor that only a row written at `moment` or later can carry, with up to `examples`
        keys.
        """
        _, end = self._cursors_of(contract, moment)
        ((rows, highest, keys),) = self._fetch(queries.beyond(contract, end, examples=examples), contract)
        return Beyond(rows, str(highest), tuple(keys or ()))

    def has_values(self, contract: StreamContract, columns: tuple[Column, ...], *, below: datetime) -> bool:
        """Return whether any row with a cursor below that moment has a value in one of `columns`."""
        _, end = self._cursors_of(contract, below)
        return bool(self._fetch(queries.has_values(contract, columns, below=end), contract)[0][0])

    def has_rows(self, contract: StreamContract, window: Window) -> bool:
        """Return whether any row is in `window`."""
        return bool(self._fetch(queries.has_rows(contract, self._range(contract, window)), contract)[0][0])

    def refused_rows(self, contract: StreamContract, window: Window | None) -> list[RefusedRow]:
        """Return the rows of `window` that the contract's types cannot hold, with the reason, in key order."""
        query = queries.refused(contract, None if window is None else self._range(contract, window))
        return [] if query is None else [RefusedRow(*row) for row in self._fetch(query, contract)]

    def fitting(self, contract: StreamContract, keys: Sequence[str]) -> list[tuple[str, bool]]:
        """Return for each row with one of these keys (JSON texts) its key, and whether the contract's types can hold
        the row.
        """
        return [(str(key), bool(fits)) for key, fits in self._fetch(queries.fitting(contract, keys), contract)]

    def read_by_keys(self, contract: StreamContract, keys: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows with these keys (JSON texts), with the contract's columns."""
        return self._stream([queries.rows_by_keys(contract, keys)], contract)

    def read_settled(
        self, contract: StreamContract, keys: Sequence[str], *, below: datetime
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows with these keys that no window from `below` on will read, and that the contract's types can
        hold.

        A key is a JSON object of the texts of its landed values.
        """
        first, _ = self._cursors_of(contract, below)
        return self._stream([queries.settled_rows(contract, keys, below=first)], contract)

    def _range(self, contract: StreamContract, window: Window) -> CursorRange:
        """Return the range of cursors that the rows written in `window` can carry."""
        end = None if window.end is None else self._cursors_of(contract, window.end)[1]
        return CursorRange(self._first(contract, window.start), end)

    def _first(self, contract: StreamContract, moment: datetime | None) -> sql.Composable | None:
        return None if moment is None else self._cursors_of(contract, moment)[0]

    def _cursors_of(self, contract: StreamContract, moment: datetime) -> tuple[sql.Composable, sql.Composable]:
        """Return the lowest cursor of a row written at `moment` or later, and the upper bound of cursors written before
        it.
        """
        if contract.cursor_column.landing.kind is Kind.TIMESTAMPTZ:
            return queries.moment(moment), queries.moment(moment)
        zone = contract.spec.cursor_zone or "UTC"
        if (moment, zone) not in self._local_times:
            with (
                postgres_errors(f"tell the local time of {zone}", contract),
                self._sessions.lease() as connection,
                connection.cursor() as cursor,
            ):
                self._local_times[moment, zone] = local_times(cursor, moment, zone)
        found = self._local_times[moment, zone]
        return queries.local_moment(found.first), queries.local_moment(found.end)

    def _require_one_server(self) -> None:
        """Raise ConfigurationError if a load balancer took the snapshot on another server, a standby, than the
        horizon.
        """
        with self._control.cursor() as cursor:
            cursor.execute("select pg_is_in_recovery()")
            ((on_standby,),) = cursor.fetchall()
        if on_standby != self.horizon.on_standby:
            raise ConfigurationError(
                "what POSTGRES_DSN names gives transactions to the primary and to a standby in turn, so that rows "
                "could be skipped",
                hint="Name one server, or let the balancer give all of this login's transactions to the primary.",
            )

    def _blocks(self, contract: StreamContract, window: Window) -> list[Blocks]:
        """Return ranges of blocks that cover the table, if it is large and the server would read all of it for
        `window`.
        """
        table = self.table(contract.source_object)
        if table is None or self._max_readers == 1 or table.blocks <= _PART_BLOCKS:
            return []
        if self._control.server_version < _TID_RANGE_SCAN or not self._scans_all(contract, window):
            return []
        starts = range(0, table.blocks, _PART_BLOCKS)
        # The table may have grown after its size was read.
        return [Blocks(start, None if start == starts[-1] else start + _PART_BLOCKS) for start in starts]

    def _scans_all(self, contract: StreamContract, window: Window) -> bool:
        if window.start is None:
            return True
        ((plan,),) = self._fetch(
            sql.SQL("explain (format json) ") + queries.rows(contract, self._range(contract, window)), contract
        )
        nodes = [plan[0]["Plan"]]
        for node in nodes:
            nodes.extend(node.get("Plans", []))
        return any(node["Node Type"] == "Seq Scan" for node in nodes)

    def _fetch(self, query: sql.Composable, contract: StreamContract) -> list[tuple[Any, ...]]:
        with (
            postgres_errors("read", contract),
            self._sessions.lease() as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query)
            return cursor.fetchall()

    def _stream(self, parts: Sequence[sql.Composable], contract: StreamContract) -> Iterator[pa.RecordBatch]:
        texts = [part.as_string(self._control) for part in parts]
        return overlapped(
            [partial(self._copy, text, contract) for text in texts], readers=self._max_readers, ahead=_AHEAD
        )

    def _copy(self, query: str, contract: StreamContract) -> Iterator[pa.RecordBatch]:
        with postgres_errors("read", contract), self._readers.lease() as reader, reader.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            cursor.execute(query)
            with cursor.fetch_record_batch() as batches:
                yield from batches

    def _open_reader(self) -> Reader:
        import adbc_driver_postgresql.dbapi as adbc

        connection = adbc.connect(self._server.conninfo)
        try:
            with connection.cursor() as cursor:
                cursor.execute("set transaction isolation level repeatable read read only")
                cursor.execute(f"set transaction snapshot '{self._snapshot.name}'")
                self._server.hold_settings(cursor, self._control)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_session(self) -> Connection:
        connection = psycopg2.connect(self._server.conninfo)
        try:
            in_unicode(connection)
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                cursor.execute("set transaction snapshot %s", (self._snapshot.name,))
                self._server.hold_settings(cursor, self._control)
        except BaseException:
            connection.close()
            raise
        return connection
