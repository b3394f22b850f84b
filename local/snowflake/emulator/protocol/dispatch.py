"""The choice of a statement's handler. A statement without a handler is an error."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from sqlglot import exp

from local.snowflake.emulator.access import account_statements as accounts
from local.snowflake.emulator.access import session_statements
from local.snowflake.emulator.access.grant_statements import grant, revoke
from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.history import Query
from local.snowflake.emulator.account.session import StatementTimer
from local.snowflake.emulator.errors import SnowflakeError, unsupported
from local.snowflake.emulator.sql.results import Result
from local.snowflake.emulator.sql.strictness import check
from local.snowflake.emulator.sql.translate import parse
from local.snowflake.emulator.stage import stage_statements
from local.snowflake.emulator.stage.copy import copy_into
from local.snowflake.emulator.stage.list_files import list_files
from local.snowflake.emulator.tables import schemas
from local.snowflake.emulator.tables.alter_table import alter_relation, comment_on
from local.snowflake.emulator.tables.create_table import create_table, create_view, drop_relation
from local.snowflake.emulator.tables.describe import describe
from local.snowflake.emulator.tables.queries import delete, insert, merge, select, update
from local.snowflake.emulator.tables.show import show

Handler = Callable[[Context], Result]


def execute(context: Context) -> tuple[str, Result]:
    """Run one statement. Return its query id and result. Raises SnowflakeError."""
    session = context.session
    query = Query(
        str(uuid.uuid4()), context.sql, session.id, session.user, session.role, session.warehouse, session.database,
        session.schema, session.parameters["QUERY_TAG"],
    )  # fmt: skip
    context.account.queries.add(query)
    context.account.locks.begin(session.id)
    try:
        with StatementTimer(session):
            result = _dispatch(context)
    except SnowflakeError as error:
        query.error_code, query.error_message = error.code, error.message
        raise
    finally:
        query.ended = datetime.now(UTC)
        session.views.clear()
        if not session.transaction.explicit:
            context.account.locks.release(session.id)
    return query.id, result


def _dispatch(context: Context) -> Result:
    tokens = context.tokens
    for words, handler, commits in _HANDLERS:
        if tokens.accept(*words):
            if commits:
                session_statements.end_transaction(context, keep=True)
            return handler(context)
    if session_statements.is_system_function(tokens):
        tokens.accept("SELECT")
        return session_statements.system_function(context)
    return _parsed(context)


def _parsed(context: Context) -> Result:
    """Run a query, a change of rows, or the CREATE of a table or view.

    Raises SnowflakeError 000002 for anything else.
    """
    if what := context.session.parameters.not_emulated:
        raise unsupported(what)
    expression = parse(context.sql)
    change = _CHANGES.get(type(expression))
    create = _CREATIONS.get(str(expression.args["kind"])) if isinstance(expression, exp.Create) else None
    if not (isinstance(expression, exp.Query) or change or create):
        raise unsupported(" ".join(context.sql.split())[:80])
    check(context.sql, expression)
    if create:
        session_statements.end_transaction(context, keep=True)
        return create(context, expression)
    _begin_unless_autocommit(context)
    return change(context, expression) if change else select(context, expression)


def _begin_unless_autocommit(context: Context) -> None:
    if not context.session.parameters.flag("AUTOCOMMIT"):
        context.session.transaction.begin()


_CHANGES: dict[type[exp.Expression], Callable[..., Result]] = {
    exp.Insert: insert,
    exp.Update: update,
    exp.Delete: delete,
    exp.Merge: merge,
}
_CREATIONS: dict[str, Callable[..., Result]] = {"TABLE": create_table, "VIEW": create_view}


def _create(context: Context) -> Result:
    """Run CREATE [OR REPLACE] of an object that is neither a table nor a view."""
    tokens = context.tokens
    replace = tokens.accept("OR", "REPLACE")
    for words, create in _OTHER_CREATIONS.items():
        if tokens.accept(*words.split()):
            session_statements.end_transaction(context, keep=True)
            return create(context, replace=replace)
    return _parsed(context)


_OTHER_CREATIONS: dict[str, Callable[..., Result]] = {
    "DATABASE": schemas.create_database,
    "SCHEMA": schemas.create_schema,
    "STAGE": stage_statements.create_stage,
    "FILE FORMAT": stage_statements.create_file_format,
    "ROLE": accounts.create_role,
    "USER": accounts.create_user,
    "WAREHOUSE": accounts.create_warehouse,
    "RESOURCE MONITOR": accounts.create_monitor,
    "STORAGE INTEGRATION": accounts.create_integration,
}


def _drop(context: Context) -> Result:
    tokens = context.tokens
    kind = tokens.emulated("DROP", "TABLE", "VIEW", "SCHEMA", "DATABASE", "STAGE", "FILE FORMAT", "USER")
    if_exists = tokens.accept("IF", "EXISTS")
    if kind in ("TABLE", "VIEW"):
        parts = tokens.name()
        tokens.accept("CASCADE") or tokens.accept("RESTRICT")
        tokens.end()
        return drop_relation(context, parts, kind, if_exists=if_exists)
    handlers: dict[str, Callable[..., Result]] = {
        "SCHEMA": schemas.drop_schema,
        "DATABASE": schemas.drop_database,
        "STAGE": stage_statements.drop_stage,
        "FILE FORMAT": stage_statements.drop_file_format,
        "USER": accounts.drop_user,
    }
    return handlers[kind](context, if_exists=if_exists)


_HANDLERS: tuple[tuple[tuple[str, ...], Handler, bool], ...] = (
    (("BEGIN",), session_statements.begin, False),
    (("START", "TRANSACTION"), session_statements.begin, False),
    (("COMMIT",), session_statements.commit, False),
    (("ROLLBACK",), session_statements.rollback, False),
    (("SET",), session_statements.set_variable, False),
    (("USE",), session_statements.use, False),
    (("ALTER", "SESSION"), session_statements.alter_session, False),
    (("SHOW",), show, False),
    (("DESCRIBE",), describe, False),
    (("DESC",), describe, False),
    (("COPY", "INTO"), copy_into, False),
    (("GRANT",), grant, True),
    (("REVOKE",), revoke, True),
    (("COMMENT",), comment_on, True),
    (("ALTER", "USER"), accounts.alter_user, True),
    (("ALTER", "WAREHOUSE"), accounts.alter_warehouse, True),
    (("ALTER", "STORAGE", "INTEGRATION"), accounts.alter_integration, True),
    (("ALTER", "ACCOUNT"), accounts.alter_account, False),
    (("ALTER",), alter_relation, True),
    (("CREATE",), _create, False),
    (("DROP",), _drop, True),
    (("LIST",), list_files, False),
    (("LS",), list_files, False),
)
