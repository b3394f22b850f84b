"""A session's transaction, with Snowflake's meaning on DuckDB.

- READ COMMITTED: each statement of a transaction that has not written sees what is committed by then (DuckDB's
  snapshot is renewed); after its first write a transaction keeps the snapshot that it wrote in.
- A statement that fails does not end a Snowflake transaction, but it ends DuckDB's. Statements are therefore bound on
  another connection first, so that most mistakes never reach the transaction. Where one does, and rows were written
  before it, the transaction is lost: every statement but ROLLBACK is refused, so that nothing commits by itself.
- Load metadata (what COPY has loaded) is kept or forgotten with the rows.
"""

from __future__ import annotations

import duckdb

from local.snowflake.emulator.account.history import LoadedFile, LoadHistory
from local.snowflake.emulator.errors import SnowflakeError


class Transaction:
    """The state of one session's transaction on its DuckDB connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, loads: LoadHistory) -> None:
        self._connection = connection
        self._loads = loads
        self.explicit = False
        self._running = False
        self._written = False
        self._lost: str | None = None
        self.pending_loads: list[LoadedFile] = []

    def begin(self) -> None:
        """BEGIN; nested ones are ignored, as Snowflake does."""
        self.explicit = True

    def before_statement(self) -> None:
        """Open DuckDB's transaction for the next statement. Raises SnowflakeError where the open one is lost."""
        if self._lost is not None:
            raise SnowflakeError(
                603,
                "40001",
                "The emulated account lost this transaction when an earlier statement of it failed "
                f"({self._lost.splitlines()[0]}). ROLLBACK it; nothing of it is kept.",
            )
        if self._running and not self._written:
            self._end("ROLLBACK")
        if not self._running:
            self._connection.execute("BEGIN")
            self._running = True

    def after_statement(self, *, wrote: bool) -> None:
        """Note a success; outside an explicit transaction it is committed."""
        self._written |= wrote
        if not self.explicit:
            self.commit()

    def after_error(self, message: str) -> None:
        """Note a failure."""
        if not self._running:
            return
        if not self.explicit:
            self.rollback()
        elif self._alive():
            return
        else:
            self._end("ROLLBACK")
            if self._written:
                self._lost = message

    @property
    def would_be_lost(self) -> bool:
        """Whether a statement that fails in DuckDB would take earlier changes with it."""
        return self.explicit and self._written

    def commit(self) -> None:
        """Commit, if there is anything. Raises SnowflakeError where the transaction is lost."""
        if self._lost is not None:
            self.before_statement()
        try:
            if self._running:
                self._end("COMMIT")
            self._loads.add(self.pending_loads)
        except duckdb.Error as error:
            raise SnowflakeError(603, "40001", f"The transaction could not be committed: {error}") from None
        finally:
            self._reset()

    def rollback(self) -> None:
        """Roll back, if there is anything."""
        if self._loads.keeps_rolled_back:
            self._loads.add(self.pending_loads)
        try:
            if self._running:
                self._end("ROLLBACK")
        finally:
            self._reset()

    def _alive(self) -> bool:
        try:
            self._connection.execute("SELECT 1")
        except duckdb.Error:
            return False
        return True

    def _end(self, how: str) -> None:
        self._running = False
        self._connection.execute(how)

    def _reset(self) -> None:
        self.explicit = False
        self._running = False
        self._written = False
        self._lost = None
        self.pending_loads = []
