"""The session settings that decide values and visibility, enforced in each transaction that reads.

They are requested when a connection is made. A pooler may drop the request, and may give each transaction to another
session. So every transaction reads the settings, sets those that differ, and reads them again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from ingest.errors import ConfigurationError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

APPLICATION_NAME = "dp-mailblaze-demo ingest"

SETTINGS = {
    # These settings decide the text that Postgres prints for a value.
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "extra_float_digits": "1",
    "xmlbinary": "base64",
    "quote_all_identifiers": "off",
    # It decides the meaning of a backslash in our literals.
    "standard_conforming_strings": "on",
    # The encoding that the driver assumes for all text, whatever the database's encoding.
    "client_encoding": "UTF8",
    # If a policy hid rows, the keys pass would take them for deleted. With this setting the read fails instead.
    "row_security": "off",
    # By this mark our other sessions know that the session writes nothing.
    "application_name": APPLICATION_NAME,
    # Roles have these limits for people's sessions. Reading a table takes as long as it takes, and the snapshot is held
    # meanwhile.
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # The run keeps its tables locked for reading. A session that waits to alter a table blocks our later readers, and
    # itself waits for our run to end: without a limit, that is a deadlock.
    "lock_timeout": "30s",
}

_LATER_SERVERS = {"transaction_timeout": "0"}
"""Settings that not every server has."""

# SET takes no snapshot, but a SELECT would. The settings come before the locks of a run, and the snapshot after them.
BEFORE_LOCKS = "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0"


class Reads(Protocol):
    """A DB-API cursor, of psycopg2 or of ADBC."""

    def execute(self, query: Any, /) -> object: ...

    def fetchall(self) -> Sequence[Sequence[Any]]: ...


def startup_options() -> str:
    """Return the settings as libpq's `options`."""
    held = {name: value for name, value in SETTINGS.items() if name not in ("client_encoding", "application_name")}
    return " ".join(f"-c {name}={value.replace(' ', '')}" for name, value in held.items())


def own_settings(options: str) -> dict[str, str]:
    """Return the settings in libpq's `options` (`-c name=value`, `--name=value`), parsed as the server parses them."""
    words = [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r"(?:\\.|[^\s\\])+", options)]
    found: dict[str, str] = {}
    following = iter(words)
    for word in following:
        if word.startswith("--"):
            setting = word[2:]
        elif word.startswith("-c"):
            setting = word[2:] or next(following, "")
        else:
            continue
        name, given, value = setting.partition("=")
        if given:
            found[name.replace("-", "_")] = value
    return found


def hold_settings(cursor: Reads, *, through: str, own: Mapping[str, str]) -> None:
    """Make all settings hold until the transaction of `cursor` ends. `own` are those of the connection string.

    The search path decides which types and functions are found, and how they are named. If `own` sets none, the login's
    own search path is set, because a pooler's session keeps the one of another client. `through` names the server or
    pooler in messages.

    Raises ConfigurationError that names the setting if one does not hold.
    """
    fixed = {name.lower(): value for name, value in own.items()}
    fixed |= {name.lower(): value for name, value in (SETTINGS | _LATER_SERVERS).items()}
    wanted = ", ".join(f"({_literal(name)}, {_literal(value)})" for name, value in fixed.items())
    if "search_path" not in fixed:
        wanted += ", ('search_path', (select reset_val from pg_catalog.pg_settings where name = 'search_path'))"
    later = ", ".join(map(_literal, _LATER_SERVERS))
    cursor.execute(
        "select name, case when current_setting(name, true) = value then value else set_config(name, value, true) end,"  # noqa: S608
        f" pg_backend_pid()::text from (values {wanted}) as wanted (name, value)"
        f" where name not in ({later}) or current_setting(name, true) is not null"
    )
    asked = {name: (value, session) for name, value, session in cursor.fetchall()}
    names = ", ".join(f"({_literal(name)})" for name in asked)
    cursor.execute(f"select name, current_setting(name), pg_backend_pid()::text from (values {names}) as asked (name)")  # noqa: S608
    for name, value, session in cursor.fetchall():
        expected, first_session = asked[name]
        if session != first_session:
            raise ConfigurationError(
                f"{through} gives the statements of one transaction to several sessions: no setting holds there, "
                f"{name} among them",
                hint=POOL_BY_TRANSACTION,
            )
        if value != expected:
            raise ConfigurationError(
                f"{through} does not keep the setting {name} = '{expected}' within a transaction: it is '{value}', so "
                "rows could be hidden, or values spelt otherwise",
                hint=POOL_BY_TRANSACTION,
            )


def _literal(text: str) -> str:
    """Return a literal with the same meaning for either value of `standard_conforming_strings`."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


POOL_BY_TRANSACTION = (
    "Let the pooler pool by transaction or by session (PgBouncer: pool_mode = transaction), or name Postgres itself."
)


@contextmanager
def reading(connection: Connection, *, own: Mapping[str, str]) -> Iterator[Cursor]:
    """Yield a short read-only transaction with all settings enforced, on a connection in autocommit mode."""
    with connection.cursor() as cursor:
        cursor.execute("begin isolation level read committed read only")
        try:
            hold_settings(cursor, through=place_of(connection), own=own)
            yield cursor
        finally:
            if not connection.closed:
                cursor.execute("rollback")


def place_of(connection: Connection) -> str:
    """Return the connection's other end for messages: the server, or the pooler before it."""
    parameters = connection.info.dsn_parameters
    return f"the server or pooler at {parameters.get('host', 'localhost')}:{parameters.get('port', '5432')}"
