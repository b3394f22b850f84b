"""Connections to Postgres, with fixed session settings. Errors are raised as the platform's errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import SecretStr

from ingest.errors import AccessError, ConfigurationError, DataError, PlatformError, TransientError, UnreachableError
from ingest.sources.postgres.refusals import refusal_of, said_first
from ingest.sources.postgres.session import (
    APPLICATION_NAME,
    POOL_BY_TRANSACTION,
    hold_settings,
    own_settings,
    place_of,
    reading,
    startup_options,
)

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from ingest.contracts.model import StreamContract
    from ingest.sources.postgres.session import Reads

# Keepalives notice after a minute that a server is gone. The system's default is two hours.
_LIVENESS = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_SETTING = "POSTGRES_DSN"
_PORTS = range(1, 2**16)


def connection_string(dsn: SecretStr, *, given_as: str = _SETTING) -> str:
    """Return the DSN with our application name, and with session settings that take precedence over its own.

    `given_as` is the setting or option that holds the DSN, for messages. Raises ConfigurationError.
    """
    given = _parsed(dsn, given_as)
    return _completed(dsn, given, options=f"{given.get('options', '')} {startup_options()}".strip())


def _completed(dsn: SecretStr, given: Mapping[str, str], *, options: str) -> str:
    liveness = {name: value for name, value in _LIVENESS.items() if name not in given}
    return make_dsn(
        dsn.get_secret_value(),
        application_name=APPLICATION_NAME,
        options=options,
        client_encoding="UTF8",  # the encoding that the driver assumes for all text, whatever the database's encoding
        **liveness,
    )


def _parsed(dsn: SecretStr, given_as: str) -> dict[str, str]:
    """Return the DSN's parameters as libpq parses them.

    Raises ConfigurationError without any text that may be part of a password.
    """
    text = dsn.get_secret_value()
    if not text.strip():
        raise ConfigurationError(
            f"{given_as} is not set",
            hint="It looks like postgresql://user:password@host:5432/database. ENVIRONMENT=dev has the demo's.",
        )
    try:
        given: dict[str, str] = parse_dsn(text)
    except psycopg2.ProgrammingError:
        raise ConfigurationError(
            f"{given_as} is not a connection string",
            hint="It looks like postgresql://user:password@host:5432/database.",
        ) from None
    if re.match(r"postgres(ql)?://", text) and _cuts_a_password(given):
        raise ConfigurationError(
            f"{given_as} holds a character before its host that must be percent-encoded",
            hint="In a password, write @ as %40 and / as %2F.",
        )
    ports = [port for port in given.get("port", "").split(",") if port]
    if any(not port.isascii() or not port.isdigit() or int(port) not in _PORTS for port in ports):
        raise ConfigurationError(
            f"the port in {given_as} is no number from 1 to 65535",
            hint="It looks like postgresql://user:password@host:5432/database.",
        )
    return given


def _cuts_a_password(given: Mapping[str, str]) -> bool:
    """Return whether the parsed parts of a URL suggest that its password holds an unescaped `@` or `/`.

    The first `@` ends the password, and the rest becomes a host. No host has an `@` except at its start (an abstract
    socket). A `/` before the `@` ends the host, and the password becomes a port and a database.
    """
    if "@" in given.get("host", "").lstrip("@"):
        return True
    if "user" in given:
        return False
    _, at, behind = given.get("dbname", "").partition("@")
    return bool(at) and ("/" in behind or not given.get("port", "").replace(",", "").isdigit())


class Server:
    """A Postgres server, or the pooler before it, by its connection string."""

    def __init__(self, dsn: SecretStr, *, given_as: str = _SETTING) -> None:
        """Parse the DSN. `given_as` is the setting that holds it.

        Raises ConfigurationError if it is no connection string.
        """
        self._dsn = dsn
        self._given = _parsed(dsn, given_as)
        self._given_as = given_as
        self.own_settings = own_settings(self._given.get("options", ""))
        self.conninfo = connection_string(dsn, given_as=given_as)
        """The DSN to connect by. It has no settings once `connect` has found a pooler that takes none."""

    def connect(self) -> Connection:
        """Return a connection in autocommit mode. Raises AccessError, ConfigurationError or TransientError."""
        with postgres_errors(CONNECTING, given_as=self._given_as):
            for _ in range(2):  # a connection may also break for other reasons, but hardly twice at one statement
                connection = self._open()
                if _allows_transactions(connection):
                    return connection
                connection.close()
        raise ConfigurationError(
            f"{self._given_as} names a pooler that pools by statement: it allows no transaction, and so no snapshot",
            hint=POOL_BY_TRANSACTION,
        )

    def _open(self) -> Connection:
        try:
            connection = psycopg2.connect(self.conninfo)
        except psycopg2.OperationalError as error:
            if not _TAKES_NO_OPTIONS.search(str(error)):
                raise
            self.conninfo = _completed(self._dsn, self._given, options="")
            connection = psycopg2.connect(self.conninfo)
        in_unicode(connection)
        connection.autocommit = True
        return connection

    @contextmanager
    def catalog(self) -> Iterator[Connection]:
        """Yield a connection in a read-only transaction, to read the catalog.

        Errors are raised as the platform's errors.
        """
        connection = self.connect()
        try:
            with (
                postgres_errors("read the catalog", given_as=self._given_as),
                reading(connection, own=self.own_settings),
            ):
                yield connection
        finally:
            connection.close()

    def hold_settings(self, cursor: Reads, connection: Connection) -> None:
        """Make the session's settings hold until the transaction of `cursor` ends. Raises ConfigurationError."""
        hold_settings(cursor, through=place_of(connection), own=self.own_settings)


def _allows_transactions(connection: Connection) -> bool:
    """Return whether a transaction can begin. PgBouncer closes the connection if it pools by statement."""
    with connection.cursor() as cursor:
        cursor.execute("select 1")
        try:
            cursor.execute("begin read only")
            cursor.execute("rollback")
        except psycopg2.OperationalError as error:
            if connection.closed or "statement pooling" in str(error):
                return False
            raise
    return True


def in_unicode(connection: Connection) -> None:
    """Make the driver read all text as UTF-8, whatever encoding the connection began with."""
    if connection.encoding != "UTF8":
        connection.set_client_encoding("UTF8")


def connect(dsn: SecretStr) -> Connection:
    """Return a control connection in autocommit mode. Raises AccessError, ConfigurationError or TransientError."""
    return Server(dsn).connect()


@contextmanager
def postgres_errors(doing: str, contract: StreamContract | None = None, *, given_as: str = _SETTING) -> Iterator[None]:
    """Turn the errors of psycopg2 and ADBC into the platform's errors."""
    import adbc_driver_manager

    stream = contract.stream if contract else None
    try:
        yield
    except psycopg2.Error as error:
        raise _platform_error(doing, error.pgcode, str(error), stream, given_as) from error
    except adbc_driver_manager.Error as error:
        raise _platform_error(doing, error.sqlstate, str(error), stream, given_as) from error
    except OSError as error:
        # The error of a stream of batches that broke off has no SQLSTATE.
        raise _platform_error(doing, None, str(error), stream, given_as) from error


CONNECTING = "connect"
_TAKES_NO_OPTIONS = re.compile("unsupported startup parameter|support command-line options")
"""How PgBouncer, and the proxy of Amazon RDS, refuse the settings that a client asks for when it connects."""
_TRANSIENT_CLASSES = ("08", "40", "53", "57", "55", "58")
_OF_CONNECTIONS = ("08", "53")
_ACCESS = {"28P01", "28000", "42501"}
_SNAPSHOT_ENDED = re.compile(
    'invalid snapshot identifier|snapshot "[^"]*" does not exist|could not import the requested snapshot'
)
"""The message of Postgres 14 to 16, of 17, and of each if the session has just died."""
_DRIVERS_QUERY = re.compile(r"Failed to execute query '.*?': ", re.DOTALL)
"""The driver quotes its own queries, of many lines, before the error's text."""


def _platform_error(doing: str, sqlstate: str | None, text: str, stream: str | None, given_as: str) -> PlatformError:
    said = _DRIVERS_QUERY.sub("", text)
    reason = said_first(said) or "no reason given"
    known = refusal_of(said) if sqlstate is None or sqlstate[:2] in _OF_CONNECTIONS else None
    if known is not None:
        kind, hint = known
        denied = f"Postgres refuses to {doing}" if issubclass(kind, AccessError) else f"cannot {doing}"
        return kind(f"{denied}: {reason}", stream=stream, hint=hint.replace("{dsn}", given_as))
    if "row-level security" in text:
        return AccessError(
            f"Postgres refuses to {doing}: {reason}",
            stream=stream,
            hint="A policy hides rows of the table from this login, and rows that are hidden would be taken for "
            "deleted. Let it see all of them (ALTER ROLE ... BYPASSRLS), or land a view that shows what it may see.",
        )
    if sqlstate in _ACCESS:
        return AccessError(
            f"Postgres refuses to {doing}: {reason}",
            stream=stream,
            hint=f"Check the login and password in {given_as}, and its SELECT grants.",
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
    if sqlstate is None or sqlstate[:2] in _TRANSIENT_CLASSES:
        kind = UnreachableError if doing == CONNECTING else TransientError
        return kind(f"cannot {doing}: {reason}", stream=stream, hint=f"Is Postgres up, and is {given_as} right?")
    return ConfigurationError(f"cannot {doing}: {reason} (SQLSTATE {sqlstate})", stream=stream)
