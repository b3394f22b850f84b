"""USE, ALTER SESSION, BEGIN, COMMIT, ROLLBACK, and the functions of SYSTEM$."""

from __future__ import annotations

import json

from fakesnow import statement_type

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.doubts import Doubt
from local.snowflake.emulator.errors import (
    SnowflakeError,
    no_such_object,
    operation_cannot_be_performed,
    syntax_error,
    unsupported,
)
from local.snowflake.emulator.sql.functions import users_variable
from local.snowflake.emulator.sql.results import Result, status, text_rows
from local.snowflake.emulator.sql.tokens import Tokens

_LONGEST_VARIABLE = 256
DONE = "Statement executed successfully."


def use(context: Context) -> Result:
    """USE [DATABASE | SCHEMA | ROLE | WAREHOUSE] name, or USE SECONDARY ROLES {ALL | NONE}."""
    try:
        _use(context, context.tokens)
    except SnowflakeError as error:
        if "does not exist or not authorized" in error.message:
            raise operation_cannot_be_performed() from None
        raise
    context.tokens.end()
    return status(DONE, statement_type.USE)


def _use(context: Context, tokens: Tokens) -> None:
    if tokens.accept("SECONDARY", "ROLES"):
        context.session.secondary_roles = tokens.one_of("ALL", "NONE") == "ALL"
        context.forget_actor()
    elif tokens.accept("ROLE"):
        use_role(context, tokens.identifier())
    elif tokens.accept("WAREHOUSE"):
        use_warehouse(context, tokens.identifier())
    elif tokens.accept("SCHEMA"):
        _use_schema(context, tokens.name())
    else:
        database_only = tokens.accept("DATABASE")
        parts = tokens.name()
        if len(parts) == 2 and not database_only:
            _use_schema(context, parts)
        else:
            use_database(context, parts[0])


def use_role(context: Context, name: str) -> None:
    context.account.role(name)
    session = context.session
    if not may_assume(context, name):
        raise SnowflakeError(
            3013,
            "42501",
            f"Requested role '{name}' is not assigned to the executing user. Specify another role to activate.",
        )
    session.role = name
    context.forget_actor()


def may_assume(context: Context, role: str) -> bool:
    """Return whether the session's user has a role, directly or by inheritance."""
    session = context.session
    if session.all_powerful or role == "PUBLIC":
        return True
    grants = context.account.grants
    return role in grants.effective(grants.roles_of(session.user))


def use_warehouse(context: Context, name: str) -> None:
    warehouse = context.account.warehouse(name)
    if "USAGE" not in context.actor.held("WAREHOUSE", name, warehouse.owner):
        raise no_such_object("Warehouse", name)
    context.session.warehouse = name


def use_database(context: Context, name: str) -> None:
    database = context.account.catalog.database(name)
    if not context.actor.held("DATABASE", name, database.owner):
        raise no_such_object("Database", name)
    context.session.database = name
    context.session.schema = "PUBLIC" if "PUBLIC" in database.schemas else None


def _use_schema(context: Context, parts: tuple[str, ...]) -> None:
    database, schema = context.session.resolve_schema(parts)
    context.require_schema(database, schema)
    context.session.database, context.session.schema = database, schema


def alter_session(context: Context) -> Result:
    """ALTER SESSION {SET name = value ... | UNSET name, ...}."""
    tokens = context.tokens
    if tokens.emulated("ALTER SESSION", "SET", "UNSET") == "UNSET":
        while not tokens.done:
            tokens.accept(",")
            context.session.parameters.unset(tokens.identifier())
        return status(DONE)
    while not tokens.done:
        tokens.accept(",")
        name = tokens.identifier()
        tokens.expect("=")
        context.session.parameters.set(name, tokens.value())
    return status(DONE)


def set_variable(context: Context) -> Result:
    """SET name = 'text': a variable of the session. A text of more than 256 bytes is refused, as by Snowflake."""
    tokens = context.tokens
    name = tokens.identifier()
    tokens.expect("=")
    if not tokens.at_text():
        raise unsupported("SET of what is no text")
    value = tokens.text()
    tokens.end()
    if len(value.encode()) > _LONGEST_VARIABLE:
        raise SnowflakeError(
            1063, "22000", f"Assignment to '{name}' not done because value exceeds size limit for variables."
        )
    literal = value.replace("'", "''")
    context.session.connection.execute(f"SET VARIABLE \"{users_variable(name)}\" = '{literal}'")
    return status(DONE)


def begin(context: Context) -> Result:
    tokens = context.tokens
    tokens.accept("WORK") or tokens.accept("TRANSACTION")
    if tokens.accept("NAME"):
        tokens.identifier()
    tokens.end()
    context.session.transaction.begin()
    return status(DONE, statement_type.TCL)


def commit(context: Context) -> Result:
    context.tokens.accept("WORK")
    context.tokens.end()
    end_transaction(context, keep=True)
    return status(DONE, statement_type.TCL)


def rollback(context: Context) -> Result:
    context.tokens.accept("WORK")
    context.tokens.end()
    if Doubt.ROLLBACK_KEEPS_LOCKS in context.account.doubts:
        context.account.locks.keep(context.session.id)
    end_transaction(context, keep=False)
    return status(DONE, statement_type.TCL)


def end_transaction(context: Context, *, keep: bool) -> None:
    """Commit or roll back, and release the locks."""
    transaction = context.session.transaction
    try:
        transaction.commit() if keep else transaction.rollback()
    finally:
        if not transaction.explicit:
            context.account.locks.release(context.session.id)


def system_function(context: Context) -> Result:
    """SELECT SYSTEM$ABORT_SESSION(id), or SYSTEM$GET_LOGIN_FAILURE_DETAILS('id')."""
    tokens = context.tokens
    name = tokens.identifier()
    while tokens.accept("$"):
        name += "$" + tokens.identifier()
    tokens.expect("(")
    argument = tokens.text() if tokens.at_text() else str(tokens.number())
    tokens.expect(")")
    column = f"{name}({argument})"
    if tokens.accept("AS"):
        column = tokens.identifier()
    tokens.end()
    if name == "SYSTEM$ABORT_SESSION":
        answer = _abort_session(context, argument)
    elif name == "SYSTEM$GET_LOGIN_FAILURE_DETAILS":
        answer = _login_failure(context, argument)
    else:
        raise unsupported(name)
    return text_rows([column], [(answer,)], statement_type.SELECT)


def _session_number(argument: str) -> int:
    if not argument.isdigit():
        raise syntax_error(f"'{argument}' is no session id")
    return int(argument)


def _abort_session(context: Context, argument: str) -> str:
    number = _session_number(argument)
    found = next((session for session in context.account.sessions.values() if session.id == number), None)
    if found is None:
        raise SnowflakeError(1005, "22000", f"Invalid session id '{argument}'.")
    if found is context.session:
        raise SnowflakeError(1005, "22000", "A session cannot abort itself.")
    if found.user != context.session.user and not context.actor.all_powerful:
        raise SnowflakeError(3001, "42501", f"Insufficient privileges to operate on session '{argument}'")
    context.account.locks.cancel(found.id)
    found.interrupt(SnowflakeError(604, "57014", "SQL execution canceled"))
    context.account.end_session(found)
    return "session aborted."


def _login_failure(context: Context, failure: str) -> str:
    if "ACCOUNTADMIN" not in context.actor.roles:
        raise SnowflakeError(
            3001, "42501", "SQL access control error:\nInsufficient privileges to operate on account 'EMULATED'"
        )
    return json.dumps(context.account.login_failures.get(failure, {}))


def is_system_function(tokens: Tokens) -> bool:
    """Return whether the statement is `SELECT SYSTEM$...`."""
    return tokens.word() == "SELECT" and tokens.word(1).startswith("SYSTEM$")
