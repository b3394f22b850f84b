"""The one snapshot of a run, and the locks that protect it.

A REPEATABLE READ snapshot does not protect against a table that is rewritten after it was taken (ALTER TABLE ... TYPE,
CLUSTER, VACUUM FULL): the table then looks empty, and a key set would delete every row. So each table is locked ACCESS
SHARE (the lock of any SELECT) before the snapshot, until the run has ended, as pg_dump does.

A session elsewhere, such as in another container, can join the snapshot while the exporting session is open. It takes
locks of its own before it imports the snapshot. If the import succeeds, the first locks have held until then, so the
tables were locked without a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from psycopg2 import errors, sql

from ingest.sources.postgres.columns import qualified
from ingest.sources.postgres.session import BEFORE_LOCKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg2.extensions import connection as Connection

# A waiting ACCESS EXCLUSIVE lock blocks others like one that is held.
_HOLDERS = """
select format('pid %%s (%%s%%s) %%s an %%s', a.pid, a.usename, nullif(', ' || a.application_name, ', '),
              case when l.granted then 'holds' else 'waits for' end, l.mode)
  from pg_locks l join pg_stat_activity a using (pid)
 where l.locktype = 'relation' and l.database = (select oid from pg_database where datname = current_database())
   and l.relation = to_regclass(%(table)s) and l.mode = 'AccessExclusiveLock'
 order by l.granted desc, a.xact_start limit 1
"""

# Not every relation that can be read can be locked. In that case the read itself raises.
_NOT_LOCKABLE = (errors.UndefinedTable, errors.InvalidSchemaName, errors.WrongObjectType, errors.InsufficientPrivilege)


@dataclass(frozen=True)
class Snapshot:
    """An exported snapshot. `busy` are the tables that could not be locked, each with the session that blocks it."""

    name: str
    busy: dict[str, str]


def export_snapshot(
    control: Connection, tables: Sequence[str], *, lock_timeout: timedelta, other: Callable[[], Connection]
) -> Snapshot:
    """Begin the transaction on `control` that holds the locks on `tables` and the snapshot until it ends.

    `other` opens a connection to ask who holds a lock. A table that stays locked for `lock_timeout` is left out.
    """
    busy = _lock(control, tables, lock_timeout, other)
    with control.cursor() as cursor:
        cursor.execute("select pg_export_snapshot()")
        ((name,),) = cursor.fetchall()
    return Snapshot(name, busy)


def join_snapshot(
    control: Connection,
    name: str,
    tables: Sequence[str],
    *,
    lock_timeout: timedelta,
    other: Callable[[], Connection],
) -> Snapshot:
    """Begin a transaction on `control` that imports the snapshot `name` of another session.

    Raises psycopg2.Error if that session has ended.
    """
    busy = _lock(control, tables, lock_timeout, other)
    with control.cursor() as cursor:
        cursor.execute("set transaction snapshot %s", (name,))
    return Snapshot(name, busy)


def _lock(
    control: Connection, tables: Sequence[str], lock_timeout: timedelta, other: Callable[[], Connection]
) -> dict[str, str]:
    """Begin a transaction and lock the tables.

    Return the tables that could not be locked, each with the blocking session.
    """
    control.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
    busy: dict[str, str] = {}
    with control.cursor() as cursor:
        milliseconds = max(1, round(lock_timeout.total_seconds() * 1000))  # 0 would mean no limit
        cursor.execute(f"{BEFORE_LOCKS}; set local lock_timeout = %s", (f"{milliseconds}ms",))
        for table in tables:
            lock = sql.SQL("savepoint one_table; lock table {} in access share mode; release one_table")
            try:
                cursor.execute(lock.format(qualified(table)))
            except errors.LockNotAvailable:
                cursor.execute("rollback to one_table; release one_table")
                busy[table] = _holder(other, control, table)
            except _NOT_LOCKABLE:
                cursor.execute("rollback to one_table; release one_table")
    return busy


def _holder(other: Callable[[], Connection], control: Connection, table: str) -> str:
    with closing(other()) as connection, connection.cursor() as cursor:
        cursor.execute(_HOLDERS, {"table": qualified(table).as_string(control)})
        found = cursor.fetchone()
    return str(found[0]) if found else "nobody holds it any more"
