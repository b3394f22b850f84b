"""Checks of the shop's Postgres as its readers need it: the login's rights, its view of the data, and the horizon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ingest.contracts.model import Mode, StreamContract
from ingest.contracts.names import quoted
from ingest.doctor.clocks import skew_seen
from ingest.findings import Check, NotSeenError, Seen, wrong
from ingest.settings import IngestSettings
from ingest.sources.postgres.columns import qualified
from ingest.sources.postgres.connection import CONNECTING, Server, postgres_errors
from ingest.sources.postgres.horizon import Horizon, read_horizon

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

LONGEST_TRANSACTION = timedelta(minutes=15)
"""A transaction that is open for longer keeps every incremental run from landing what came after its start."""
_FEWEST_FREE_CONNECTIONS = 8


@dataclass(frozen=True)
class PostgresSource:
    """The Postgres that the settings name, and the contracts of the streams that are read from it."""

    settings: IngestSettings
    contracts: Sequence[StreamContract]

    def checks(self) -> Iterator[Check]:
        """Yield all checks of Postgres."""
        yield Check("postgres: login", "no superuser; by TLS, but on this machine and in dev", self._login)
        yield Check("postgres: clock", "within 30 s of this machine's", self._clock)
        yield Check("postgres: open transactions", "seen by the login (pg_monitor), on a primary", self._sees_all)
        yield Check("postgres: horizon", "held back by no transaction older than 15 minutes", self._horizon)
        yield Check("postgres: settings of a reader", "kept within a transaction, statement_timeout 0", self._settings)
        yield Check("postgres: connections", f"{_FEWEST_FREE_CONNECTIONS} free, and what is read at once", self._room)
        yield Check("postgres: standbys", "none holds WAL back through a slot that nobody reads", self._slots)
        for contract in self.contracts:
            yield Check(
                f"postgres: table of {contract.stream}",
                "there, and readable",
                lambda contract=contract: self._readable(contract),  # type: ignore[misc]
            )

    def _login(self) -> Seen:
        with self._connection() as connection:
            user, superuser, apart, tls, version = _row(
                connection,
                "select current_user, usesuper, coalesce(inet_client_addr() <> inet_server_addr(), false),"
                " coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),"
                " current_setting('server_version') from pg_user where usename = current_user",
            )
        seen = f"{user} at Postgres {version}, {'by TLS' if tls else 'without TLS'}"
        if superuser:
            return wrong(f"{seen}; a superuser", "Give ingest a login with SELECT on its tables, and pg_monitor.")
        if apart and not tls and self.settings.environment != "dev":
            return wrong(seen, "Add sslmode=verify-full and sslrootcert=... to POSTGRES_DSN.")
        return Seen(seen)

    def _clock(self) -> Seen:
        with self._connection() as connection:
            [now] = _row(connection, "select clock_timestamp()")
        return skew_seen(now, "Postgres' clock")

    def _sees_all(self) -> Seen:
        horizon = self._read_horizon()
        if horizon.hidden is None:
            return Seen("seen, on a primary")
        by_cursor = [contract.stream for contract in self.contracts if contract.spec.mode is Mode.INCREMENTAL]
        if not by_cursor:
            return Seen(f"{horizon.hidden.reason}; no stream is read by a cursor")
        return wrong(horizon.hidden.reason, horizon.hidden.hint)

    def _horizon(self) -> Seen:
        horizon = self._read_horizon()
        if horizon.hidden is not None:
            raise NotSeenError("open transactions cannot be seen", advice=horizon.hidden.hint)
        if horizon.blocker is None:
            return Seen("no transaction is open")
        if horizon.at is None or horizon.blocker.age > LONGEST_TRANSACTION:
            return wrong(
                f"held back by {horizon.blocker}",
                "End it: `SELECT pg_terminate_backend(pid)`, COMMIT PREPARED or ROLLBACK PREPARED; set "
                "idle_in_transaction_session_timeout for the program that leaves them.",
            )
        return Seen(f"held back by {horizon.blocker}")

    def _settings(self) -> Seen:
        server = Server(self.settings.postgres_dsn)
        with server.catalog() as connection:  # raises if a setting does not hold
            [own] = _row(connection, "select reset_val from pg_settings where name = 'statement_timeout'")
            [ours] = _row(connection, "select current_setting('statement_timeout')")
        return Seen(f"kept; statement_timeout {ours} ({own} ms outside of our transactions)")

    def _room(self) -> Seen:
        with self._connection() as connection:
            limit, reserved, used, of_role = _row(
                connection,
                "select current_setting('max_connections')::int,"
                " current_setting('superuser_reserved_connections')::int,"
                " (select count(*) from pg_stat_activity where backend_type = 'client backend'),"
                " (select rolconnlimit from pg_roles where rolname = current_user)",
            )
        needed = max(_FEWEST_FREE_CONNECTIONS, 2 * self.settings.postgres_readers)
        free = limit - reserved - used
        if of_role >= 0:
            free = min(free, of_role)
        seen = f"{free} free of {limit}" + (f", the login may have {of_role}" if of_role >= 0 else "")
        if free < needed:
            return wrong(seen, "Lower POSTGRES_READERS and INGEST_CONCURRENCY, or raise max_connections.")
        return Seen(seen)

    def _slots(self) -> Seen:
        """Check that no forgotten replication slot keeps WAL, which fills the primary's disk. Our reads make
        no slot.
        """
        with self._connection() as connection:
            rows = _rows(
                connection,
                "select slot_name, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) from"
                " pg_replication_slots where not active and restart_lsn is not null and not pg_is_in_recovery()",
            )
        if rows:
            kept = ", ".join(f"{name} ({size})" for name, size in rows)
            return wrong(f"inactive slots keep WAL: {kept}", "Start its reader, or pg_drop_replication_slot('name').")
        return Seen("none")

    def _readable(self, contract: StreamContract) -> Seen:
        with self._connection() as connection:
            table: str = qualified(contract.source_object).as_string(connection)
            [there] = _row(connection, "select to_regclass(%s) is not null", (table,))
            if not there:
                return wrong(f"there is no table {table}", "`ingest contract check` compares contracts and tables.")
            user, may = _row(
                connection,
                "select current_user, has_table_privilege(%s, 'select') and has_schema_privilege(relnamespace, 'usage')"
                " from pg_class where oid = to_regclass(%s)",
                (table, table),
            )
        if not may:
            return wrong("no SELECT", f"GRANT SELECT ON {table} TO {quoted(user)}; and USAGE on its schema.")
        return Seen("readable")

    def _read_horizon(self) -> Horizon:
        with self._connection() as connection:
            return read_horizon(connection, margin=timedelta(0))

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = Server(self.settings.postgres_dsn).connect()
        try:
            with postgres_errors(CONNECTING):
                yield connection
        finally:
            connection.close()


def _rows(connection: Connection, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return list(cursor.fetchall())


def _row(connection: Connection, sql: str, parameters: tuple[object, ...] = ()) -> tuple[Any, ...]:
    [row] = _rows(connection, sql, parameters)
    return row
