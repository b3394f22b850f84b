"""The horizon: the moment below which no row of a Postgres table can still appear.

A cursor written by `now()` carries the start of its transaction, and a transaction that began earlier may commit
later. So nothing at or above the oldest open transaction's start may be read yet: that is the horizon. A margin is
kept below it, for a backend that has taken its timestamp and not yet shown it in `pg_stat_activity`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ingest.errors import AccessError, ConfigurationError
from ingest.sources.postgres.session import APPLICATION_NAME, reading

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Sessions that cannot write a user's row are ignored: our own readers, vacuum, and WAL senders. Logical replication
# workers do write, and so count. A session with `track_activities` off shows no start: its state is 'disabled'.
_OPEN_TRANSACTIONS = """
select pid, xact_start, state = 'disabled' as hidden, clock_timestamp() - xact_start as age
  from pg_stat_activity
 where pid <> pg_backend_pid()
   and datname = current_database()
   and (xact_start is not null or state = 'disabled')
   and backend_type not in ('autovacuum worker', 'walsender')
   and not (usename = current_user and application_name = %(application)s)
 order by state = 'disabled' desc, xact_start
 limit 1
"""

# `prepared` is the time of PREPARE. Postgres no longer shows when the transaction began.
_PREPARED_TRANSACTIONS = """
select gid, clock_timestamp() - prepared as age from pg_prepared_xacts
 where database = current_database() order by prepared limit 1
"""


@dataclass(frozen=True)
class Blocker:
    """The session that holds the horizon back, and how long it has done so."""

    what: str
    age: timedelta

    def __str__(self) -> str:
        return f"{self.what}, open for {self.age.total_seconds():.0f} s"


@dataclass(frozen=True)
class Hidden:
    """The reason why open transactions are not visible here, and the remedy. Snapshot streams need no horizon."""

    reason: str
    hint: str
    is_access: bool


@dataclass(frozen=True)
class Horizon:
    """Cursors below `at` are final. `at` is None if a transaction hides its start: then no new cursor is final.

    `read_at` is the database's clock when the horizon was read. `read_at` minus `at` is the lag that a blocker causes.
    """

    at: datetime | None
    read_at: datetime
    blocker: Blocker | None
    hidden: Hidden | None = None
    on_standby: bool = False

    def require(self, stream: str) -> None:
        """Raise AccessError or ConfigurationError if `stream`, which is read by its cursor, could lose rows."""
        if self.hidden is not None:
            kind = AccessError if self.hidden.is_access else ConfigurationError
            raise kind(self.hidden.reason, stream=stream, hint=self.hidden.hint)

    def notice_of_a_clock_set_back(self, stream: str, watermark: datetime | None) -> str | None:
        """Return a notice if the database's clock was later once than it is now; None if it was not.

        A watermark was a horizon, so the clock has reached it. Rows that are written before the clock passes it again
        carry cursors that were already read, so no window will hold them.
        """
        if watermark is None or self.read_at >= watermark:
            return None
        start, end = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" for moment in (self.read_at, watermark))
        return (
            f"the database's clock is at {start}, behind the watermark {end}: it was set back. No window holds the "
            f"rows written until it has passed the watermark, and keys passes land only the new ones among them. When "
            f"it has, land them with `ingest backfill {stream} --from {start} --to {end}` (--from earlier still, if "
            f"the clock was set back before that)"
        )


def require_reached(connection: Connection, shared: Horizon) -> None:
    """Raise ConfigurationError if a horizon from another process is later than any horizon of this server can be.

    A horizon never goes back: transactions that are open now were open then, or have begun since. So an earlier horizon
    is below the present one, unless a transaction hides its start, and always below the clock.
    """
    if shared.at is None:
        return
    now = read_horizon(connection, margin=timedelta(0))
    latest = now.at or now.read_at
    if shared.at > latest:
        raise ConfigurationError(
            f"the horizon {shared.at:%Y-%m-%d %H:%M:%S.%f} that was handed over is later than that of Postgres, "
            f"{latest:%Y-%m-%d %H:%M:%S.%f}: rows could be skipped"
        )


def read_horizon(connection: Connection, *, margin: timedelta) -> Horizon:
    """Return the present horizon. The snapshot must be opened after this call, on any connection.

    The order of the statements matters. A transaction moves from `pg_stat_activity` to `pg_prepared_xacts`, so
    `pg_stat_activity` is read first, and the clock is read before both. Each statement is a transaction of its own,
    because Postgres shows one state of the activity for a whole transaction.

    On a standby, and for a login that cannot see other sessions, there is no horizon: `Horizon.hidden` holds the
    reason.
    """
    if not connection.autocommit:
        raise ValueError("the horizon is read in autocommit mode")
    with reading(connection, own={}) as cursor:
        cursor.execute(
            "select clock_timestamp(), pg_is_in_recovery(), pg_has_role(current_user, 'pg_read_all_stats', 'usage'),"
            " current_user"
        )
        now, standby, sees_all, user = _row(cursor.fetchone())
    if standby:
        hidden = Hidden(
            "POSTGRES_DSN names a standby, which does not show the primary's open transactions, so rows could be "
            "skipped",
            "Name the primary, or land the stream whole (mode: snapshot), which works on a standby.",
            is_access=False,
        )
        return Horizon(None, now, None, hidden, on_standby=True)
    if not sees_all:
        hidden = Hidden(
            f"login '{user}' cannot see other sessions' transactions, so rows could be skipped",
            f'Run: GRANT pg_monitor TO "{user}";',
            is_access=True,
        )
        return Horizon(None, now, None, hidden)
    with reading(connection, own={}) as cursor:
        cursor.execute(_OPEN_TRANSACTIONS, {"application": APPLICATION_NAME})
        oldest = cursor.fetchone()
    with reading(connection, own={}) as cursor:
        cursor.execute(_PREPARED_TRANSACTIONS)
        prepared = cursor.fetchone()
    if prepared is not None:
        return Horizon(None, now, Blocker(f"prepared transaction '{prepared[0]}'", prepared[1]))
    if oldest is None:
        return Horizon(now - margin, now, None)
    pid, started, hidden, age = oldest
    if hidden:
        return Horizon(None, now, Blocker(f"pid {pid}, which runs with track_activities off", timedelta(0)))
    return Horizon(min(now, started) - margin, now, Blocker(f"pid {pid}", age))


def _row(row: tuple[object, ...] | None) -> tuple[datetime, bool, bool, str]:
    assert row is not None  # noqa: S101 - a select without FROM has one row
    return row  # type: ignore[return-value]
