"""Locks on tables, held to the end of a transaction.

Snowflake's INSERT and COPY only add micro-partitions and wait for nobody. UPDATE, DELETE and MERGE lock the partitions
that they change; here they lock the whole table. DDL excludes both.
"""

from __future__ import annotations

from collections import defaultdict
from enum import Enum
from threading import Condition
from time import monotonic

from local.snowflake.emulator.errors import SnowflakeError
from local.snowflake.emulator.sql.relations import ObjectName

LOCKED = 625
"""The number of the error that a lock was not to be had in time."""


class LockMode(Enum):
    INSERT = "insert"
    WRITE = "write"
    DDL = "ddl"


_COMPATIBLE = {
    (LockMode.INSERT, LockMode.INSERT),
    (LockMode.INSERT, LockMode.WRITE),
    (LockMode.WRITE, LockMode.INSERT),
}


class Locks:
    """The locks of all sessions."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._held: dict[ObjectName, dict[int, set[LockMode]]] = defaultdict(dict)
        self._aborted: set[int] = set()
        self._keeping: set[int] = set()

    def acquire(self, session: int, name: ObjectName, mode: LockMode, *, seconds: float) -> None:
        """Wait for a lock. Raises SnowflakeError 000625 if it is not free within `seconds`."""
        deadline = monotonic() + seconds
        with self._changed:
            while holder := self._in_the_way(session, name, mode):
                remaining = deadline - monotonic()
                if session in self._aborted:
                    raise SnowflakeError(604, "57014", "SQL execution canceled")
                if remaining <= 0:
                    raise SnowflakeError(
                        LOCKED,
                        "57014",
                        f"Statement '{session}' has locked table '{name.name}' in transaction {holder} and this lock "
                        "has not yet been released.\nYour statement was aborted because the number of waiters for "
                        "this lock exceeds the limit, or LOCK_TIMEOUT has passed.",
                    )
                self._changed.wait(remaining)
            self._held[name].setdefault(session, set()).add(mode)

    def release(self, session: int) -> None:
        """Release all locks of a session, unless it keeps them."""
        with self._changed:
            if session in self._keeping:
                return
            for holders in self._held.values():
                holders.pop(session, None)
            self._changed.notify_all()

    def keep(self, session: int) -> None:
        """Make a session keep its locks until the session ends."""
        with self._changed:
            self._keeping.add(session)

    def end(self, session: int) -> None:
        """Release all locks of a session that ends."""
        with self._changed:
            self._keeping.discard(session)
        self.release(session)

    def cancel(self, session: int) -> None:
        """Wake a waiting session with an error."""
        with self._changed:
            self._aborted.add(session)
            self._changed.notify_all()

    def begin(self, session: int) -> None:
        """Begin a new statement, for which an earlier cancellation no longer counts."""
        with self._changed:
            self._aborted.discard(session)

    def _in_the_way(self, session: int, name: ObjectName, mode: LockMode) -> int | None:
        for other, modes in self._held[name].items():
            if other != session and any((mode, held) not in _COMPATIBLE for held in modes):
                return other
        return None
