"""Turns Snowflake's errors into the platform's errors, by number rather than by text.

Numbers: 390xxx are errors of the login, 250xxx to 253xxx of the connector itself, the rest of the statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from snowflake.connector import errors as connector

from ingest.errors import (
    AccessError,
    ConfigurationError,
    DamagedLakeError,
    FatalError,
    PlatformError,
    TransientError,
    UnreachableError,
)

_KEY_REFUSED = (390144, *range(394300, 394308))
"""A key that is not the user's, or whose token is of another account, expired or not yet valid: the clocks differ
(https://docs.snowflake.com/en/user-guide/key-pair-auth-troubleshooting). A client mostly sees the first alone."""
_LOGIN_REFUSED = (390100, 390101, 390102, 390103, 390104)
_ROLE_NOT_GRANTED = (390186,)
_NOT_ALLOWED_FROM_HERE = (390420, 390422, 390432)
_SESSION_GONE = (390111, 390112, 390114, 390115, 390195)
_CONNECTION = (250001, 250002, 250003, 250005, 251011, 251012, 252007, 252010, 252013)

_HTTP_STATUS = (
    connector.HttpError,
    connector.InternalServerError,
    connector.ServiceUnavailableError,
    connector.GatewayTimeoutError,
    connector.ForbiddenError,
    connector.RequestTimeoutError,
    connector.BadRequest,
    connector.BadGatewayError,
    connector.MethodNotAllowed,
    connector.TooManyRequests,
    connector.OtherHTTPRetryableError,
)
"""By class: their numbers are 290000 and the status, or twice that."""

_NO_OBJECT = (2003, 2043)
_NO_PRIVILEGE = (3001,)
_NO_DATABASE = (90105, 90106)
_NO_WAREHOUSE = 606
_CANCELLED = 604
_LOCKED = 625
_TIMEOUT = 630
_FILE_GONE = 91016
_STAGE_UNREADABLE = (91003, 3167)
_LOCATION_REFUSED = 3127
_QUOTA = 90073

# Some refused logins come as 250001, a number of the connector, with Snowflake's text: hence number and text.
_KEY_WORDS = re.compile(r"(?i)JWT token is invalid|JWT_TOKEN_")
_ROLE_WORDS = re.compile(r"(?i)\brole '[^']*' specified in the connect string\b")
_PLACE_WORDS = re.compile(r"(?i)is not allowed to access snowflake|\bnetwork policy\b")
_FAILURE = re.compile(r"\[(?P<id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\]")

_OBJECT = re.compile(r"(?P<kind>[A-Za-z ]+?) '(?P<name>[^']+)' does not exist or not authorized")
_OPERATE = re.compile(r"(?i)Insufficient privileges to operate on (?P<kind>[a-z_ ]+?) '?(?P<name>[^'\s]+)'?")
_SUSPENDED = re.compile(r"(?i)warehouse '?(?P<name>[^'\s]+)'? (cannot be resumed|is suspended|was suspended)")
_CREATES_VIEW = re.compile(r"CREATE (OR REPLACE )?(SECURE )?VIEW\b")
_PREFIX = re.compile(r"^(\d{6}( \(\w+\))?:\s*)?([\w-]{36}:?\s*)?(SQL (compilation|access control) error:\s*)?")
_PARTS = {"SCHEMA": 2, "TABLE": 3, "VIEW": 3, "STAGE": 3, "FILE FORMAT": 3}
"""How many names name an object of a kind in full: 1 for all others."""


class LockedError(TransientError):
    """Another transaction held a lock for longer than the statement may wait for it (000625)."""


@dataclass(frozen=True)
class Caller:
    """The caller, statement and stream that messages name."""

    user: str
    role: str
    warehouse: str
    host: str
    database: str
    stream: str | None = None
    statement: str = ""

    def running(self, statement: str) -> Caller:
        """Return a caller that is running `statement`, otherwise the same."""
        return replace(self, statement=statement)

    @property
    def words(self) -> str:
        """The statement's first words."""
        return " ".join(self.statement.split()[:4]).upper()

    def in_full(self, kind: str, name: str) -> str:
        """Return an object's name with its database and schema.

        A GRANT needs them, and Snowflake's messages omit them.
        """
        parts = _PARTS.get(kind, 1)
        if name.count(".") < parts - 1:
            pattern = rf'(?<![\w"])((?:"?\w+"?\.)*)"?{re.escape(name)}"?(?!\w)'
            match = re.search(pattern, self.statement, re.IGNORECASE)
            name = (match[1].replace('"', "") if match else "") + name
        return f"{self.database}.{name}" if name.count(".") == parts - 2 else name


def is_connection_lost(error: connector.Error) -> bool:
    """Return whether the session is gone, and with it its open transaction."""
    if isinstance(error, connector.InterfaceError):
        return True
    return error.errno in _CONNECTION or error.errno in _SESSION_GONE


def is_refusal(error: PlatformError) -> bool:
    """Return whether Snowflake, or S3 behind it, refused a statement because a right is missing."""
    cause = error.__cause__
    numbers = (*_NO_OBJECT, *_NO_PRIVILEGE, *_STAGE_UNREADABLE, _LOCATION_REFUSED)
    return isinstance(cause, connector.Error) and (
        cause.errno in numbers or "not allowed by integration" in str(cause) or "Failure using stage area" in str(cause)
    )


def statement_error(error: connector.Error, caller: Caller) -> PlatformError:
    """Return the platform's error for a failed statement."""
    text = _text(error)
    translated = _account_error(error, text, caller) or _object_error(error, text, caller)
    if translated is None:
        query = f" (query {error.sfqid})" if error.sfqid else ""
        translated = FatalError(f"Snowflake refused a statement: {text}{query}")
    translated.stream = caller.stream
    return translated


def is_key_refused(error: connector.Error) -> bool:
    """Return whether a login failed because of its key, so that another key may work."""
    return error.errno in _KEY_REFUSED or bool(_KEY_WORDS.search(_text(error)))


def login_error(error: connector.Error, caller: Caller) -> PlatformError:
    """Return the platform's error for a failed login."""
    text, user = _text(error), caller.user
    if is_key_refused(error):
        failure = _FAILURE.search(text)
        ask = f" ACCOUNTADMIN sees why: SELECT SYSTEM$GET_LOGIN_FAILURE_DETAILS('{failure['id']}');" if failure else ""
        return AccessError(
            f"Snowflake refuses the key of user {user}: {text}",
            hint=f"Its public half must be one of the user's two: ALTER USER {user} SET RSA_PUBLIC_KEY = '...' (or "
            "RSA_PUBLIC_KEY_2; Terraform: loader_public_key, dbt_public_key). A wrong clock here, or a wrong "
            f"SNOWFLAKE_ACCOUNT, has the same effect.{ask}",
        )
    if error.errno in _LOGIN_REFUSED:
        return AccessError(
            f"Snowflake refuses to log in user {user}: {text}",
            hint="Check SNOWFLAKE_USER and SNOWFLAKE_ACCOUNT, and that the user is neither disabled nor locked.",
        )
    if error.errno in _ROLE_NOT_GRANTED or _ROLE_WORDS.search(text):
        return AccessError(
            f"user {user} may not act as role {caller.role}: {text}",
            hint=f"GRANT ROLE {caller.role} TO USER {user};",
        )
    if error.errno in _NOT_ALLOWED_FROM_HERE or _PLACE_WORDS.search(text):
        return AccessError(
            f"a network policy of Snowflake keeps this machine out: {text}",
            hint="Add its address to the policy (Terraform: service_ip_ranges).",
        )
    if isinstance(error, _HTTP_STATUS):
        return UnreachableError(
            f"Snowflake does not answer at {caller.host}: {text}",
            hint="Check SNOWFLAKE_ACCOUNT; an account is called ORGANIZATION-ACCOUNT.",
        )
    if isinstance(error, connector.OperationalError | connector.InterfaceError) or error.errno in _CONNECTION:
        return UnreachableError(
            f"Snowflake does not answer at {caller.host}: {text}",
            hint="Check SNOWFLAKE_ACCOUNT and the network.",
        )
    return AccessError(f"Snowflake refuses to log in user {user}: {text}", hint="Check the SNOWFLAKE_* settings.")


def _account_error(error: connector.Error, text: str, caller: Caller) -> PlatformError | None:
    """Return the error if it is about the connection, the warehouse or the clock, not about the statement's objects."""
    if is_connection_lost(error):
        return TransientError(f"the connection to Snowflake was lost: {text}")
    if isinstance(error, _HTTP_STATUS):
        return TransientError(f"Snowflake does not serve requests at {caller.host}: {text}")
    if error.errno == _NO_WAREHOUSE:
        return AccessError(
            f"role {caller.role} cannot use warehouse {caller.warehouse}, or there is none of this name",
            hint=f"GRANT USAGE ON WAREHOUSE {caller.warehouse} TO ROLE {caller.role}; or correct its setting.",
        )
    if error.errno == _QUOTA or "resource monitor" in text.lower():
        return ConfigurationError(
            f"warehouse {caller.warehouse} is stopped by its resource monitor: {text}",
            hint="Raise the monitor's credit quota (Terraform: monthly_credits), or wait for its next period.",
        )
    if match := _SUSPENDED.search(text):
        name = match["name"]
        return ConfigurationError(
            f"warehouse {name} is suspended and does not resume: {text}",
            hint=f"ALTER WAREHOUSE {name} SET AUTO_RESUME = TRUE; and GRANT USAGE, OPERATE ON WAREHOUSE {name} TO ROLE "
            f"{caller.role};",
        )
    if error.errno == _LOCKED:
        return LockedError(
            f"another transaction holds what this one needs: {text}",
            hint="It ends by itself, or by SYSTEM$ABORT_TRANSACTION; SHOW LOCKS names it.",
        )
    if error.errno == _TIMEOUT:
        return ConfigurationError(
            f"a statement ({caller.words} ...) took longer than it may: {text}",
            hint="Nothing of it was kept. Raise SNOWFLAKE_STATEMENT_TIMEOUT_SECONDS or the warehouse's own limit, or "
            "take a larger warehouse.",
        )
    if error.errno == _CANCELLED:
        return FatalError(f"somebody cancelled a statement ({caller.words} ...): {text}")
    return None


def _object_error(error: connector.Error, text: str, caller: Caller) -> PlatformError | None:
    """Return the error if it is about objects that a statement names: tables, the stage, its files."""
    if error.errno == _FILE_GONE:
        return DamagedLakeError(
            f"a file that the lake's log names is gone: {text}",
            hint="Nothing of this version was loaded. Restore the file from the bucket's versions.",
        )
    if error.errno == _LOCATION_REFUSED or "not allowed by integration" in text:
        return ConfigurationError(
            f"the stage's place is not one that its storage integration allows: {text}",
            hint="Add the bucket to STORAGE_ALLOWED_LOCATIONS: `terraform apply` with the right raw bucket.",
        )
    if error.errno in _STAGE_UNREADABLE or "Failure using stage area" in text:
        return AccessError(
            f"Snowflake cannot read the stage: {text}",
            hint="The role that it assumes needs s3:GetObject on events/* and inventory/*, and must trust the "
            "integration's user and external id: `terraform apply` makes both.",
        )
    if error.errno in _NO_DATABASE:
        return AccessError(
            f"there is no database {caller.database} that role {caller.role} may use: {text}",
            hint=f"Correct WAREHOUSE_DATABASE, or GRANT USAGE ON DATABASE {caller.database} TO ROLE {caller.role};",
        )
    if match := _OPERATE.search(text) if error.errno in _NO_PRIVILEGE else None:
        privilege = _privilege(match["kind"].lower(), caller.words)
        kind = match["kind"].upper()
        name = caller.in_full(kind, match["name"])
        return AccessError(
            f"role {caller.role} lacks {privilege} on {kind.lower()} {name}: {text}",
            hint=f"GRANT {privilege} ON {kind} {name} TO ROLE {caller.role};",
        )
    if match := _OBJECT.search(text) if error.errno in _NO_OBJECT else None:
        kind, name = match["kind"].split()[-1].upper(), match["name"]
        if kind == "OBJECT":
            kind = "SCHEMA" if name.count(".") == 1 else "TABLE"
        privilege = "USAGE" if kind == "SCHEMA" else _privilege(kind.lower(), caller.words)
        return AccessError(
            f"there is no {kind.lower()} {name} that role {caller.role} may use: {text}",
            hint=f"`terraform apply` makes it. Where it is there: GRANT {privilege} ON {kind} {name} "
            f"TO ROLE {caller.role};",
        )
    if error.errno in (*_NO_PRIVILEGE, *_NO_OBJECT):
        return AccessError(f"role {caller.role} was refused: {text}", hint="`terraform apply` grants what it needs.")
    return None


def _privilege(kind: str, statement: str) -> str:
    """Return the privilege that the statement needs on an object of this kind."""
    if kind in ("table", "view"):
        for verb, privilege in (
            ("COPY", "INSERT"),
            ("INSERT", "INSERT"),
            ("DELETE", "DELETE"),
            ("UPDATE", "UPDATE"),
            ("ALTER", "OWNERSHIP"),
            ("DROP", "OWNERSHIP"),
        ):
            if statement.startswith(verb):
                return privilege
        return "SELECT"
    if kind == "schema" and statement.startswith("CREATE"):
        return "CREATE VIEW" if _CREATES_VIEW.match(statement) else "CREATE TABLE"
    if kind == "warehouse" and statement.startswith("ALTER"):
        return "OPERATE"
    if kind == "database" and statement.startswith("CREATE"):
        return "CREATE SCHEMA"
    return "USAGE"


def _text(error: connector.Error) -> str:
    """Return the message in one line, without the connector's prefix and without the statement."""
    text = _PREFIX.sub("", error.raw_msg or error.msg or type(error).__name__)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:3]).rstrip(".")
