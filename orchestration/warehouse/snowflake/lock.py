"""One writer at a time, wherever it runs: a lease in RAW._LOCKS, renewed by a thread of its own.

Snowflake ends no lock with the process that took it, hence the lease: a writer that died is waited for until it
expires. All times are Snowflake's own clock. A take-over is decided in a transaction that first updates the row, which
lets one transaction in at a time, and then reads it.
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

_NAME = "writer"
_POLL_SECONDS = 2.0


class WriterLease:
    """The row `writer` of RAW._LOCKS, through sessions that `open_session` gives."""

    def __init__(self, session: Session, schema: str, *, lease: timedelta) -> None:
        self._session = session
        self._schema = schema
        self._table = locks_table(schema)
        self._name = session.dialect.table(self._table)
        self._lease = lease

    def ensure(self) -> None:
        """Create the schema, with the table, and the row where they are not there yet."""
        _retrying()(self._ensure)

    def _ensure(self) -> None:
        if not self._session.columns(self._table):
            self._session.create_schema(self._schema)
        [(count,)] = self._session.query(f"SELECT count(*) FROM {self._name} WHERE name = ?", [_NAME])  # noqa: S608
        if not count:
            self._session.execute(f"INSERT INTO {self._name} (name) VALUES (?)", [_NAME])  # noqa: S608

    @contextmanager
    def hold(self, run_id: str, *, wait: timedelta, on_wait: Callable[[str], None]) -> Iterator[LockHolder]:
        """Hold the lease. If another has it, `on_wait` gets the holder once.

        Raises ConflictError naming the holder when `wait` is over, and at the end where the lease was lost meanwhile.
        """
        me = LockHolder(run_id, os.getpid(), socket.gethostname(), datetime.now(UTC))
        self._acquire(me, wait, on_wait)
        with self._session.fork() as session, _Renewal(self._renewer(session, run_id), self._lease) as renewal:
            try:
                yield me
            finally:
                renewal.stop()
                _retrying()(self._release, run_id)
        if renewal.lost:
            raise ConflictError(
                "the writer's lease of the warehouse expired while this run was writing; another run may have begun",
                hint="Its rows are safe: each version is loaded under a claim of its own. Run the flow "
                "once more: `python orchestration/prefect/flow.py`.",
            )

    def _release(self, run_id: str) -> None:
        self._session.execute(
            f"UPDATE {self._name} SET run_id = NULL, expires_at = NULL WHERE name = ? AND run_id = ?",  # noqa: S608
            [_NAME, run_id],
        )

    def _acquire(self, me: LockHolder, wait: timedelta, on_wait: Callable[[str], None]) -> None:
        deadline = time.monotonic() + wait.total_seconds()
        told = False
        while (holder := self._try(me)) is not None:
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"the warehouse is being written by {holder}; waited {wait.total_seconds():g} s for it",
                    hint="Try again when it has finished. A writer that died is forgotten after "
                    f"{self._lease.total_seconds():g} s.",
                )
            if not told:
                on_wait(str(holder))
                told = True
            time.sleep(min(_POLL_SECONDS, max(deadline - time.monotonic(), 0.1)))

    def _try(self, me: LockHolder) -> LockHolder | None:
        """Take the lease; the holder where somebody has it."""
        return _retrying()(self._take, me)

    def _take(self, me: LockHolder) -> LockHolder | None:
        with self._session.transaction():
            self._session.execute(f"UPDATE {self._name} SET name = name WHERE name = ?", [_NAME])  # noqa: S608
            held = self._session.query(
                f"SELECT run_id, pid, host, since FROM {self._name} "  # noqa: S608
                "WHERE name = ? AND run_id IS NOT NULL AND expires_at > current_timestamp() "
                "AND NOT (run_id = ? AND pid = ? AND host = ?)",  # ours: taken, and the answer was lost
                [_NAME, me.run_id, me.pid, me.host],
            )
            if held:
                run_id, pid, host, since = held[0]
                moment = since if isinstance(since, datetime) else datetime.now(UTC)
                return LockHolder(str(run_id), int(str(pid)), str(host), moment.astimezone(UTC))
            self._session.execute(
                f"UPDATE {self._name} SET run_id = ?, pid = ?, host = ?, since = ?, "  # noqa: S608
                "expires_at = dateadd('second', ?, current_timestamp()) WHERE name = ?",
                [me.run_id, me.pid, me.host, me.since, int(self._lease.total_seconds()), _NAME],
            )
            return None

    def _renewer(self, session: Session, run_id: str) -> Callable[[], bool]:
        """Prolongs the lease; False if it is another's by now."""

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
    """Calls `renew` four times a lease, in a thread."""

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
        """End the thread. A renewal under way is waited for."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                if not self._renew():
                    self.lost = True
                    return
            except TransientError as error:
                get_logger().warning("could not prolong the writer's lease; trying again", error=str(error))
            except PlatformError as error:
                get_logger().error("could not prolong the writer's lease", error=str(error))
                self.lost = True
                return


def _retrying() -> Retrying:
    return retrying(LEASE, WaitBudget(LEASE.longest_budget, "its budget"))
