"""Connections to Postgres: their fixed session settings, and their errors in the platform's taxonomy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import SecretStr

from ingest.errors import AccessError, ConfigurationError, DataError, PlatformError, TransientError, UnreachableError
from ingest.sources.horizon import APPLICATION_NAME

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from ingest.contracts.model import StreamContract

# The text that Postgres prints for a value depends on these; so they are fixed.
_SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "extra_float_digits": "1",
    # A policy that hides rows would make the keys pass take them for deleted; this way the read fails instead.
    "row_security": "off",
    "default_transaction_read_only": "on",
    # Roles have these for people's sessions. A table takes as long as it takes, and the snapshot is held meanwhile.
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # The run keeps its tables locked for reading. Whoever waits to alter one keeps our later readers waiting behind
    # him, and himself waits for our run to end: without a limit that is for ever.
    "lock_timeout": "30s",
}

# A server that has gone without a word is noticed after a minute; the system's default is two hours.
_LIVENESS = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


def connection_string(dsn: SecretStr) -> str:
    """The DSN with our application name, and with session settings that win over its own. Raises ConfigurationError."""
    _refuse_unencoded(dsn.get_secret_value())
    fixed = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    try:
        given = parse_dsn(dsn.get_secret_value())
        options = f"{given.get('options', '')} {fixed}".strip()
        liveness = {name: value for name, value in _LIVENESS.items() if name not in given}
        return make_dsn(
            dsn.get_secret_value(),
            application_name=APPLICATION_NAME,
            options=options,
            client_encoding="UTF8",  # what the driver takes all text for, whatever the database's encoding
            **liveness,
        )
    except psycopg2.ProgrammingError:
        raise ConfigurationError(
            "POSTGRES_DSN is not a connection string",
            hint="It looks like postgresql://user:password@host:5432/database.",
        ) from None


def _refuse_unencoded(dsn: str) -> None:
    """A password is cut at the first such character, and what follows would be shown as a host or a port."""
    scheme, _, rest = dsn.partition("://")
    password = rest.rpartition("@")[0].partition(":")[2]
    if scheme in ("postgres", "postgresql") and set(password) & set("@/"):
        raise ConfigurationError(
            "POSTGRES_DSN holds a character before its last '@' that must be percent-encoded",
            hint="In a password, write @ as %40 and / as %2F.",
        )


def connect(dsn: SecretStr) -> Connection:
    """A control connection in autocommit mode. Raises AccessError, ConfigurationError or TransientError."""
    with postgres_errors(CONNECTING):
        connection = psycopg2.connect(connection_string(dsn))
        connection.autocommit = True
        return connection


@contextmanager
def postgres_errors(doing: str, contract: StreamContract | None = None) -> Iterator[None]:
    """Puts the errors of psycopg2 and ADBC into the platform's taxonomy."""
    import adbc_driver_manager

    stream = contract.stream if contract else None
    try:
        yield
    except psycopg2.Error as error:
        raise _platform_error(doing, error.pgcode, str(error), stream) from error
    except adbc_driver_manager.Error as error:
        raise _platform_error(doing, error.sqlstate, str(error), stream) from error
    except OSError as error:
        # How a stream of batches tells that it broke off: without an SQLSTATE.
        raise _platform_error(doing, None, str(error), stream) from error


CONNECTING = "connect"
_TRANSIENT_CLASSES = ("08", "40", "53", "57", "55", "58")
_ACCESS = {"28P01", "28000", "42501"}
_SNAPSHOT_ENDED = re.compile(
    'invalid snapshot identifier|snapshot "[^"]*" does not exist|could not import the requested snapshot'
)
"""How Postgres 14 to 16, Postgres 17, and each of them where the session died just now, say it."""
_DRIVERS_QUERY = re.compile(r"Failed to execute query '.*?': ", re.DOTALL)
"""The driver quotes its own queries, of many lines, before it says what went wrong."""


def _platform_error(doing: str, sqlstate: str | None, text: str, stream: str | None) -> PlatformError:
    said = _DRIVERS_QUERY.sub("", text)
    reason = next((line for line in said.splitlines() if line.strip()), "no reason given").strip()
    if sqlstate in _ACCESS or "authentication failed" in text or "no password supplied" in text:
        return AccessError(
            f"Postgres refuses to {doing}: {reason}",
            stream=stream,
            hint="Check the login and password in POSTGRES_DSN, and its SELECT grants.",
        )
    if "invalid byte sequence for encoding" in text:
        return DataError(
            f"cannot {doing}: {reason}",
            stream=stream,
            hint="The database does not say which encoding its texts have (SQL_ASCII). Mend the text, or land the "
            "table through a view that decodes it.",
        )
    if _SNAPSHOT_ENDED.search(text):
        return TransientError("the session that held the snapshot has ended", stream=stream)
    if "does not exist" in text and (sqlstate is None or sqlstate == "3D000") and "database" in text:
        return ConfigurationError(f"cannot {doing}: {reason}", hint="Correct the database in POSTGRES_DSN.")
    if "could not translate host name" in text:
        # A container that is stopped, or a server that moves, has no name for a while.
        hint = "Is Postgres up, and is its host in POSTGRES_DSN right?"
        return UnreachableError(f"cannot {doing}: {reason}", stream=stream, hint=hint)
    if sqlstate is None or sqlstate[:2] in _TRANSIENT_CLASSES:
        kind = UnreachableError if doing == CONNECTING else TransientError
        return kind(f"cannot {doing}: {reason}", stream=stream, hint="Is Postgres up, and is POSTGRES_DSN right?")
    return ConfigurationError(f"cannot {doing}: {reason} (SQLSTATE {sqlstate})", stream=stream)
