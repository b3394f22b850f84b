"""A session's transaction: Snowflake's semantics on DuckDB.

- READ COMMITTED: each statement of a transaction that has not written sees the data committed by then (DuckDB's
  snapshot is renewed). After its first write, a transaction keeps the snapshot that it wrote in.
- A failed statement does not end a Snowflake transaction, but it ends DuckDB's. So statements are bound on another
  connection first, and most mistakes never reach the transaction. If one does after rows were written, the transaction
  is lost: every statement but ROLLBACK is refused, so that nothing commits by itself.
- Load metadata (the files that COPY has loaded) is kept or discarded together with the rows.
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
        """Run BEGIN. Nested ones are ignored, as in Snowflake."""
        self.explicit = True

    def before_statement(self) -> None:
        """Open DuckDB's transaction for the next statement. Raises SnowflakeError if the open one is lost."""
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
        """Record a success. Outside an explicit transaction the statement is committed."""
        self._written |= wrote
        if not self.explicit:
            self.commit()

    def after_error(self, message: str) -> None:
        """Record a failure."""
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
        """Whether a statement that fails in DuckDB would discard earlier changes."""
        return self.explicit and self._written

    def commit(self) -> None:
        """Commit, if a transaction is open. Raises SnowflakeError if it is lost."""
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
        """Roll back, if a transaction is open."""
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
