"""Finds the passwords in connection strings and URLs, including those that cannot be parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_OPTION = re.compile(r"\s*(?P<name>[^\s=]+)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SECRET_OPTIONS = ("password", "sslpassword")


def passwords_in(text: str) -> tuple[str, ...]:
    """Return every possible password in a libpq connection string (either form) or any other URL, decoded and as
    written.

    If a URL cannot be parsed as its writer meant it, for example because its password contains an `@`, the parts that a
    parser may take for pieces of the password are returned. Never raises.
    """
    found = _in_url(text) if _URL.match(text) else _in_options(text)
    return tuple(dict.fromkeys(password for password in found if password))


def password_of(dsn: str) -> str | None:
    """Return the password that libpq takes from a connection string; None if it has none. Never raises."""
    if not _URL.match(dsn):
        return dict(_options(dsn)).get("password") or None
    netloc, query = _parts(dsn)
    in_query = dict(parse_qsl(query, keep_blank_values=True)).get("password")
    _, _, password = netloc.partition("@")[0].partition(":") if "@" in netloc else ("", "", "")
    return (unquote(password) if in_query is None else in_query) or None


def _in_url(text: str) -> Iterator[str]:
    netloc, query = _parts(text)
    # The login is all text before the last @, because an unencoded password may contain / and @.
    login, at, behind = text.partition("://")[2].rpartition("@")
    for password in (login.partition(":")[2] if at else "", netloc.rpartition("@")[0].partition(":")[2]):
        yield password
        yield unquote(password)
        yield from re.split(r"[@/?#:]", password) if re.search(r"[@/?#:]", password) else ()
    for name, value in parse_qsl(query):
        if name in _SECRET_OPTIONS:
            yield value
    port = behind.partition("/")[0].partition("?")[0].rpartition(":")[2]
    if ":" in behind.partition("/")[0] and not re.fullmatch(r"[\d,]*\]?", port):
        yield port  # a password at the position of the port
        yield unquote(port)


def _in_options(text: str) -> Iterator[str]:
    for name, value in _options(text):
        if name in _SECRET_OPTIONS or (name == "port" and not re.fullmatch(r"[\d,]*", value)):
            yield value


def _options(text: str) -> Iterator[tuple[str, str]]:
    for found in _OPTION.finditer(text):
        value = found["value"]
        quoted = len(value) > 1 and value.startswith("'") and value.endswith("'")
        yield found["name"], _ESCAPED.sub(r"\1", value[1:-1] if quoted else value)


def _parts(url: str) -> tuple[str, str]:
    """Return the address with its login, and the query, both as text without validation."""
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets without an IPv6 address
        rest = url.partition("://")[2]
        return re.split(r"[/?#]", rest, maxsplit=1)[0], rest.partition("?")[2]
    return parts.netloc, parts.query
