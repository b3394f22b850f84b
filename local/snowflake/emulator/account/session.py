"""One session: its user and role, its database, schema and warehouse, and its transaction."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Event, Lock, Timer
from typing import Any

import duckdb
import pyarrow as pa

from local.snowflake.emulator.account.history import LoadHistory
from local.snowflake.emulator.account.parameters import Parameters
from local.snowflake.emulator.account.transaction import Transaction
from local.snowflake.emulator.errors import SnowflakeError, no_current
from local.snowflake.emulator.sql.relations import ObjectName, Relation

REMEMBERED_REQUESTS = 4


@dataclass
class Session:
    """A session on a DuckDB connection of its own. `id` is the value of CURRENT_SESSION()."""

    id: int
    token: str
    user: str
    connection: duckdb.DuckDBPyConnection
    loads: LoadHistory
    role: str
    all_powerful: bool
    warehouse: str | None = None
    database: str | None = None
    schema: str | None = None
    secondary_roles: bool = False
    parameters: Parameters = field(default_factory=Parameters)
    temporary: dict[ObjectName, Relation] = field(default_factory=dict)
    one_at_a_time: Lock = field(default_factory=Lock)
    ended: bool = False
    answers: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    """Answers by request id: the connector sends a request again when its answer was lost."""
    interrupted_by: SnowflakeError | None = None
    _interrupted: Event = field(default_factory=Event)
    variables: tuple[tuple[str, str | None], ...] = ()
    views: dict[str, pa.Table] = field(default_factory=dict)
    """What the statement that is running reads beside tables, by the name that it has in DuckDB's temp schema."""

    def __post_init__(self) -> None:
        self.transaction = Transaction(self.connection, self.loads)

    def resolve(self, parts: tuple[str, ...], doing: str = "SELECT") -> ObjectName:
        """Return the full form of a name of one to three parts.

        Raises SnowflakeError if no database or schema is in use.
        """
        if len(parts) == 3:
            return ObjectName(*parts)
        if self.database is None:
            raise no_current("database", doing)
        if len(parts) == 2:
            return ObjectName(self.database, *parts)
        if self.schema is None:
            raise no_current("schema", doing)
        return ObjectName(self.database, self.schema, parts[0])

    def resolve_schema(self, parts: tuple[str, ...], doing: str = "USE") -> tuple[str, str]:
        """Return database and schema for a schema's name of one or two parts."""
        if len(parts) == 2:
            return parts[0], parts[1]
        if self.database is None:
            raise no_current("database", doing)
        return self.database, parts[0]

    def interrupt(self, reason: SnowflakeError) -> None:
        """Stop the running statement with this error."""
        self.interrupted_by = reason
        self._interrupted.set()
        self.connection.interrupt()

    def resume(self) -> None:
        """Begin a new statement, for which an earlier interruption no longer counts."""
        self.interrupted_by = None
        self._interrupted.clear()

    def spend(self, seconds: float) -> None:
        """Wait for `seconds`. Raises SnowflakeError as soon as the statement must stop."""
        self._interrupted.wait(seconds)
        self.check_interrupted()

    def check_interrupted(self) -> None:
        """Raise SnowflakeError if the statement must stop. For work outside DuckDB."""
        if self.interrupted_by is not None:
            raise self.interrupted_by

    def remember(self, request_id: str, answer: Any) -> None:
        self.answers[request_id] = answer
        while len(self.answers) > REMEMBERED_REQUESTS:
            self.answers.popitem(last=False)


class StatementTimer:
    """A timer that enforces STATEMENT_TIMEOUT_IN_SECONDS over a `with` block."""

    def __init__(self, session: Session) -> None:
        self._seconds = session.parameters.number("STATEMENT_TIMEOUT_IN_SECONDS")
        self._session = session
        self._timer: Timer | None = None

    def __enter__(self) -> None:
        self._session.resume()
        if 0 < self._seconds < 100_000:
            self._timer = Timer(self._seconds, self._session.interrupt, [timed_out(self._seconds)])
            self._timer.daemon = True
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer:
            self._timer.cancel()


def timed_out(seconds: float) -> SnowflakeError:
    return SnowflakeError(
        630,
        "57014",
        f"Statement reached its statement or warehouse timeout of {seconds:.0f} second(s) and was canceled.",
    )
