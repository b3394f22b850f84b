"""One writer at a time, on any host: a lease in RAW._LOCKS, renewed by a thread of its own.

Snowflake does not release a lock with the process that took it, hence the lease: other writers wait until a dead
writer's lease expires. All times are of Snowflake's clock. A transaction decides a take-over: it first updates the row,
which lets one transaction in at a time, and then reads it.

No load touches the table: Snowflake locks it as a whole for each UPDATE, and a load that held it would keep the holder
from renewing its lease. A statement here waits only seconds for a lock (`Login.lock_seconds`). If it does not get the
lock in time, another writer is taking the lease.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from ingest.errors import ConflictError, PlatformError, TransientError
from ingest.logs import get_logger
from ingest.retry import Retrying, WaitBudget, retrying
from ingest.retry_policies import LEASE
from orchestration.warehouse.ddl import locks_table
from orchestration.warehouse.protocol import LockHolder, Session
from orchestration.warehouse.snowflake.errors import LockedError

_NAME = "writer"
_CLAIM = "load:"
"""Rows so named are claims of streams, which loaders up to release 0.2.0 kept here."""
_POLL_SECONDS = 2.0


class WriterLease:
    """The row `writer` of RAW._LOCKS, through sessions from `open_session`."""

    def __init__(self, session: Session, schema: str, *, lease: timedelta) -> None:
        self._session = session
        self._schema = schema
        self._table = locks_table(schema)
        self._name = session.dialect.table(self._table)
        self._lease = lease
        self._has_claims = False

    def ensure(self) -> None:
        """Create the schema, the table and the row if they do not exist yet."""
        _retrying()(self._ensure)

    def _ensure(self) -> None:
        if not self._session.columns(self._table):
            self._session.create_schema(self._schema)
            self._session.execute(self._session.dialect.create_table(self._table))
        names = [str(name) for (name,) in self._session.query(f"SELECT name FROM {self._name}")]  # noqa: S608
        if _NAME not in names:
            self._session.execute(f"INSERT INTO {self._name} (name) VALUES (?)", [_NAME])  # noqa: S608
        self._has_claims = any(name.startswith(_CLAIM) for name in names)

    @contextmanager
    def hold(self, run_id: str, *, wait: timedelta, on_wait: Callable[[str], None]) -> Iterator[LockHolder]:
        """Hold the lease. If another run has it, `on_wait` gets the holder once.

        Raises ConflictError that names the holder after `wait`, and at the end if the lease was lost.
        """
        me = LockHolder(run_id, os.getpid(), socket.gethostname(), datetime.now(UTC))
        self._acquire(me, wait, on_wait)
        with self._session.fork() as session, _Renewal(self._renewer(session, run_id), self._lease) as renewal:
            try:
                yield me
            finally:
                renewal.stop()
                self._give_back(run_id)
        if renewal.lost:
            raise ConflictError(
                "the writer's lease of the warehouse expired while this run was writing; another run may have begun",
                hint="Its rows are safe: each version is loaded under a claim of its own. Run the flow "
                "once more: `python orchestration/prefect/flow.py`.",
            )

    def _give_back(self, run_id: str) -> None:
        """Release the lease now. If Snowflake does not answer, it expires by itself."""
        try:
            _retrying()(self._release, run_id)
        except TransientError as error:
            get_logger().warning("could not end the writer's lease; it expires by itself", error=str(error))

    def _release(self, run_id: str) -> None:
        self._session.execute(
            f"UPDATE {self._name} SET run_id = NULL, expires_at = NULL WHERE name = ? AND run_id = ?",  # noqa: S608
            [_NAME, run_id],
        )

    def _acquire(self, me: LockHolder, wait: timedelta, on_wait: Callable[[str], None]) -> None:
        deadline = time.monotonic() + wait.total_seconds()
        told = False
        while (holder := _retrying()(self._try, me)) is not None:
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"the warehouse is being written by {holder}; waited {wait.total_seconds():g} s for it",
                    hint="Try again when it has finished. A writer that died is forgotten after "
                    f"{self._lease.total_seconds():g} s.",
                )
            if not told:
                on_wait(holder)
                told = True
            time.sleep(min(_POLL_SECONDS, max(deadline - time.monotonic(), 0.1)))

    def _try(self, me: LockHolder) -> str | None:
        """Take the lease. Return its holder if somebody else has it, else None. A held lease is read without a lock."""
        if (holder := self._holder(me)) is not None:
            return str(holder)
        try:
            with self._session.transaction():
                return self._take(me)
        except LockedError:
            holder = self._holder(me)
            return str(holder or f"a run that is just taking or leaving it (a transaction holds {self._name})")

    def _take(self, me: LockHolder) -> str | None:
        self._session.execute(f"UPDATE {self._name} SET name = name WHERE name = ?", [_NAME])  # noqa: S608
        if (holder := self._holder(me)) is not None:
            return str(holder)
        self._session.execute(
            f"UPDATE {self._name} SET run_id = ?, pid = ?, host = ?, since = ?, "  # noqa: S608
            "expires_at = dateadd('second', ?, current_timestamp()) WHERE name = ?",
            [me.run_id, me.pid, me.host, me.since, int(self._lease.total_seconds()), _NAME],
        )
        if self._has_claims:
            self._session.execute(f"DELETE FROM {self._name} WHERE name LIKE ?", [f"{_CLAIM}%"])  # noqa: S608
        return None

    def _holder(self, me: LockHolder) -> LockHolder | None:
        """Return the holder of the lease, None if it is free or ours.

        It is ours if we took it but the response was lost.
        """
        held = self._session.query(
            f"SELECT run_id, pid, host, since FROM {self._name} "  # noqa: S608
            "WHERE name = ? AND run_id IS NOT NULL AND expires_at > current_timestamp() "
            "AND NOT (run_id = ? AND pid = ? AND host = ?)",
            [_NAME, me.run_id, me.pid, me.host],
        )
        if not held:
            return None
        run_id, pid, host, since = held[0]
        moment = since if isinstance(since, datetime) else datetime.now(UTC)
        return LockHolder(str(run_id), int(str(pid)), str(host), moment.astimezone(UTC))

    def _renewer(self, session: Session, run_id: str) -> Callable[[], bool]:
        """Return a function that renews the lease, and returns False if another run has it by now."""

        def renew() -> bool:
            return bool(
                session.execute(
                    f"UPDATE {self._name} SET expires_at = dateadd('second', ?, current_timestamp()) "  # noqa: S608
                    "WHERE name = ? AND run_id = ?",
                    [int(self._lease.total_seconds()), _NAME, run_id],
                )
            )

        return renew


class _Renewal:
    """A thread that calls `renew` four times in the duration of a lease."""

    def __init__(self, renew: Callable[[], bool], lease: timedelta) -> None:
        self._renew = renew
        self._interval = lease.total_seconds() / 4
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self.lost = False

    def __enter__(self) -> _Renewal:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the thread. A running renewal is awaited."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                if not self._renew():
                    self.lost = True
                    return
            except TransientError as error:
                get_logger().warning("could not renew the writer's lease; trying again", error=str(error))
            except PlatformError as error:
                get_logger().error("could not prolong the writer's lease", error=str(error))
                self.lost = True
                return


def _retrying() -> Retrying:
    return retrying(LEASE, WaitBudget(LEASE.longest_budget, "its budget"))
