"""Logging in: by password (only `test`), or by a token signed with one of the user's keys."""

from __future__ import annotations

from typing import Any

from local.snowflake.emulator.access.keys import TokenRefused, verify_token
from local.snowflake.emulator.access.session_statements import use_warehouse
from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.objects import User
from local.snowflake.emulator.account.session import Session
from local.snowflake.emulator.account.state import TEST_USER, Account
from local.snowflake.emulator.errors import SnowflakeError
from local.snowflake.emulator.sql.tokens import Tokens


def login(account: Account, data: dict[str, Any], query: dict[str, str]) -> Session:
    """Open a session. Raises SnowflakeError 390100, 390144, 390101 or 390186.

    A database, schema or warehouse that does not exist, or that the role may not use, stays unset, as in Snowflake.
    """
    user = _authenticate(account, data)
    session = account.open_session(user, _role(account, user, query.get("roleName")))
    for name, value in (data.get("SESSION_PARAMETERS") or {}).items():
        if name.upper() != "NOP_REGEXES":
            session.parameters.set(name, str(value))
    context = Context(account, session, "", Tokens(""))
    _use(context, query.get("warehouse"), query.get("databaseName"), query.get("schemaName"))
    return session


def _authenticate(account: Account, data: dict[str, Any]) -> User:
    name = str(data.get("LOGIN_NAME", "")).upper()
    user = next((user for user in account.users.values() if user.name.upper() == name), None)
    if data.get("AUTHENTICATOR") == "SNOWFLAKE_JWT":
        try:
            verify_token(str(data.get("TOKEN", "")), user)
        except TokenRefused as refused:
            failure = account.note_login_failure(name, refused.reason)
            raise SnowflakeError(390144, "08001", f"JWT token is invalid. [{failure}]") from None
    elif user is None or user.name != TEST_USER or user.password != data.get("PASSWORD"):
        raise SnowflakeError(390100, "08001", "Incorrect username or password was specified.")
    if user.disabled:
        raise SnowflakeError(390101, "08001", "User access disabled. Contact your local system administrator.")
    return user


def _role(account: Account, user: User, wanted: str | None) -> str:
    role = Tokens(wanted).identifier() if wanted else (user.default_role or "PUBLIC")
    held = account.grants.effective(account.grants.roles_of(user.name))
    if role in account.roles and (user.all_powerful or role in held):
        return role
    if not wanted:
        return "PUBLIC"
    problem = "is not granted to this user" if role in account.roles else "does not exist or not authorized"
    raise SnowflakeError(
        390186,
        "08001",
        f"Role '{role}' specified in the connect string {problem}. Contact your local system administrator, or attempt "
        "to login with another role, e.g. PUBLIC.",
    )


def _use(context: Context, warehouse: str | None, database: str | None, schema: str | None) -> None:
    session = context.session
    if warehouse:
        try:
            use_warehouse(context, Tokens(warehouse).identifier())
        except SnowflakeError:
            session.warehouse = None
    if not database:
        return
    name = Tokens(database).identifier()
    found = context.account.catalog.databases.get(name)
    if found is None or not context.actor.held("DATABASE", name, found.owner):
        return
    session.database = name
    wanted = Tokens(schema).identifier() if schema else "PUBLIC"
    if wanted in found.schemas and context.actor.held("SCHEMA", f"{name}.{wanted}", found.schemas[wanted].owner):
        session.schema = wanted
