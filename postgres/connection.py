"""Connections to Postgres with safe error messages: none holds a password."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn, parse_dsn

from common.foreign_text import harmless
from postgres.errors import ShopError

CONNECT_TIMEOUT_SECONDS = 10


@contextmanager
def connected(dsn: str, *, application_name: str) -> Iterator[Connection]:
    """Yield a connection, which is closed at the end. Uncommitted changes are rolled back.

    Raises ShopError if the DSN is malformed, or if the server cannot be reached or refuses the login.
    """
    connection = connect(dsn, application_name=application_name)
    try:
        yield connection
    finally:
        connection.close()


def connect(dsn: str, *, application_name: str) -> Connection:
    """Open a connection. `dsn` is a libpq keyword string or URI. Raises ShopError as `connected` does."""
    parameters = _parsed(dsn)
    defaults = {"application_name": application_name, "connect_timeout": str(CONNECT_TIMEOUT_SECONDS)}
    try:
        return psycopg2.connect(make_dsn(None, **{**defaults, **parameters}))
    except psycopg2.OperationalError as error:
        raise ShopError(
            f"cannot connect to {_described(parameters)}: {first_line(error)}. "
            "Check the address, the login and whether the server runs"
        ) from error


def with_database(dsn: str, database: str, *, user: str | None = None, password: str | None = None) -> str:
    """Return the DSN of another database on the same server, optionally with another login."""
    changes = {"dbname": database, "user": user, "password": password}
    return make_dsn(None, **{**_parsed(dsn), **{key: value for key, value in changes.items() if value is not None}})


def first_line(error: BaseException) -> str:
    """Return the first line of a driver's message without control characters, secrets and the full stop."""
    lines = harmless(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _parsed(dsn: str) -> dict[str, str]:
    # libpq quotes the text that it cannot parse, which may hold the password. So its message is not passed on.
    try:
        parameters = parse_dsn(dsn)
    except psycopg2.ProgrammingError:
        raise ShopError(_MALFORMED) from None
    if "@" in parameters.get("host", "") or not _is_port(parameters.get("port", "")):
        raise ShopError(_MALFORMED)
    return parameters


_MALFORMED = (
    "the DSN cannot be parsed. Write postgresql://user:password@host:port/database, "
    "with special characters of the password percent-encoded, or host=... dbname=... user=..."
)


def _is_port(port: str) -> bool:
    return all(part == "" or part.isdecimal() for part in port.split(","))


def _described(parameters: Mapping[str, str]) -> str:
    place = f"{parameters.get('host', 'the local socket')}:{parameters.get('port') or '5432'}"
    return f"database {parameters.get('dbname', '(default)')!r} at {place}"
