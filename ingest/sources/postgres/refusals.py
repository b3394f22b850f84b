"""The messages with which Postgres, libpq and poolers refuse a connection, and a hint for each.

A failed connection carries no SQLSTATE, so only the text of its message shows the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.errors import AccessError, ConfigurationError, PlatformError, TransientError, UnreachableError


@dataclass(frozen=True)
class Refusal:
    """One reason: a pattern that recognises its message, the error to raise, and the hint.

    In the hint, `{dsn}` is the setting's name. It may name what the pattern captured.
    """

    words: str
    kind: type[PlatformError]
    hint: str


# The first match counts, so certain mistakes in the settings come before faults that may pass by themselves.
CONNECTION_REFUSALS = (
    Refusal(
        r"password authentication failed|no password supplied|SASL authentication failed|server login failed",
        AccessError,
        "Check the login and password in {dsn}.",
    ),
    Refusal(
        r'role "(?P<role>.*?)" does not exist|no such user',
        AccessError,
        "The server has no such login: correct the user in {dsn}, or create it with LOGIN.",
    ),
    Refusal(
        r'role "(?P<role>.*?)" is not permitted to log in',
        AccessError,
        'Allow it (ALTER ROLE "{role}" LOGIN), or name another login in {dsn}.',
    ),
    Refusal(
        r"no pg_hba\.conf entry .*no encryption",
        AccessError,
        "The server's pg_hba.conf lets this login in from here over TLS at most: try sslmode=require in {dsn}.",
    ),
    Refusal(
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        AccessError,
        "The server's pg_hba.conf does not let this login in from here: add a line for it there.",
    ),
    Refusal(r"authentication failed", AccessError, "Check the login and password in {dsn}."),
    Refusal(
        r'permission denied for database "?(?P<database>[^"\n]*)"?',
        AccessError,
        'The login may not connect to it: GRANT CONNECT ON DATABASE "{database}" TO the login.',
    ),
    Refusal(r'database "[^"]*" does not exist|no such database', ConfigurationError, "Correct the database in {dsn}."),
    Refusal(
        r'database "[^"]*" is not currently accepting connections|not accepting connections to database',
        ConfigurationError,
        "Name another database in {dsn}, or let this one accept connections (ALLOW_CONNECTIONS).",
    ),
    Refusal(
        r"invalid port number|invalid integer value .* option \"port\"",
        ConfigurationError,
        "A port is a number from 1 to 65535: correct it in {dsn}.",
    ),
    Refusal(
        r"certificate file .* does not exist|could not (?:load|open|read) .*certificate|private key file",
        ConfigurationError,
        "Its place is sslrootcert (the server's authority), sslcert or sslkey in {dsn}; where the certificate is not "
        "to be verified, lower sslmode.",
    ),
    Refusal(
        r"certificate verify failed|server certificate for|certificate .*does not match|unknown ca",
        ConfigurationError,
        "The server's certificate is not the one that sslmode asks for: correct sslrootcert or the host in {dsn}.",
    ),
    Refusal(
        r"requires a valid client certificate|client certificate|tlsv1\S* alert certificate required",
        AccessError,
        "The server wants a client's certificate: name it by sslcert and sslkey in {dsn}.",
    ),
    Refusal(
        r"does not support (?:SSL|GSS)|SSL is not (?:enabled|required)",
        ConfigurationError,
        "The server offers no TLS: lower sslmode in {dsn}, or switch it on there.",
    ),
    Refusal(
        r"received invalid response to SSL negotiation|expected authentication request|"
        r"unsupported frontend protocol|invalid response to GSSAPI negotiation",
        ConfigurationError,
        "What answers there is no Postgres: correct the port in {dsn}.",
    ),
    Refusal(
        r"unsupported startup parameter",
        ConfigurationError,
        "The pooler takes no start-up parameters: leave `options` out of {dsn}, or name them in the pooler's "
        "ignore_startup_parameters.",
    ),
    Refusal(
        r"sorry, too many clients|remaining connection slots|too many connections for|max_client_conn|"
        r"no more connections allowed|query_wait_timeout",
        TransientError,
        "Every connection is taken: close some, raise the limit (of a pooler its pool size), or lower "
        "INGEST_CONCURRENCY and POSTGRES_READERS.",
    ),
    Refusal(
        r"session is (?:not )?read-only|server is (?:not )?in hot standby mode",
        UnreachableError,
        "No host in {dsn} is what its target_session_attrs asks for: is the primary up?",
    ),
    Refusal(
        r"database system is (?:starting up|shutting down|in recovery)|not yet accepting connections",
        UnreachableError,
        "The server starts or stops: try again in a moment.",
    ),
    Refusal(
        r"could not translate host name",
        # The name of a stopped container, or of a server that moves, does not resolve for a while.
        UnreachableError,
        "Is Postgres up, and is its host in {dsn} right?",
    ),
    Refusal(
        r"definition of service|service file|invalid \S+ value|invalid integer value|invalid connection option",
        ConfigurationError,
        "Correct {dsn}.",
    ),
)

_CONNECTING_TO = re.compile(r"(?:connection to server .*? failed|could not connect to server): ")


def said_first(text: str) -> str:
    """Return `text` without its advice (indented lines). It names a reason for each host that was tried."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line[:1].isspace()]
    several = [line for line in lines if _CONNECTING_TO.match(line)]
    return "; ".join(dict.fromkeys(several)) if len(several) > 1 else next(iter(lines), text.strip())


def refusal_of(text: str) -> tuple[type[PlatformError], str] | None:
    """Return the error and the hint for a failed connection's message; None for an unknown message."""
    for refusal in CONNECTION_REFUSALS:
        if found := re.search(refusal.words, text):
            named = {name: value or "" for name, value in found.groupdict().items()}
            return refusal.kind, refusal.hint.format(dsn="{dsn}", **named)
    return None
