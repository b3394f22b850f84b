"""Which statement goes to which handler; what nobody handles is an error."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from fakesnow import statement_type
from sqlglot import exp

from local.snowflake.emulator import account_statements as accounts
from local.snowflake.emulator import schemas, session_statements, stage_statements
from local.snowflake.emulator.alter_table import alter_relation, comment_on
from local.snowflake.emulator.context import Context
from local.snowflake.emulator.copy import copy_into
from local.snowflake.emulator.describe import describe
from local.snowflake.emulator.errors import SnowflakeError, unsupported
from local.snowflake.emulator.grant_statements import grant, revoke
from local.snowflake.emulator.history import Query
from local.snowflake.emulator.policy_statements import create_masking_policy, create_tag, drop_masking_policy
from local.snowflake.emulator.queries import (
    delete,
    describe_only,
    insert,
    insert_batch,
    merge,
    select,
    truncate,
    update,
)
from local.snowflake.emulator.results import Result, status
from local.snowflake.emulator.session import StatementTimer
from local.snowflake.emulator.show import show
from local.snowflake.emulator.strictness import check
from local.snowflake.emulator.tables import create_table, create_view, drop_relation
from local.snowflake.emulator.translate import parse

Handler = Callable[[Context], Result]


def execute(context: Context) -> tuple[str, Result]:
    """Run one statement; returns its query id and result. Raises SnowflakeError."""
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


def describe_statement(context: Context) -> Result:
    """A statement's columns without running it; one text column for anything but a query."""
    expression = parse(context.sql)
    check(context.sql, expression)
    if isinstance(expression, exp.Query):
        return describe_only(context, expression)
    return status("", statement_type.UNKNOWN)


def _parsed(context: Context) -> Result:
    expression = parse(context.sql)
    check(context.sql, expression)
    if isinstance(expression, exp.Query):
        _begin_unless_autocommit(context)
        return select(context, expression)
    for kind, handler in _CHANGES.items():
        if isinstance(expression, kind):
            _begin_unless_autocommit(context)
            return _change(context, expression, handler)
    if isinstance(expression, exp.Create) and expression.args["kind"] in ("TABLE", "VIEW"):
        session_statements.end_transaction(context, keep=True)
        return (
            create_table(context, expression)
            if expression.args["kind"] == "TABLE"
            else create_view(context, expression)
        )
    raise unsupported(" ".join(context.sql.split())[:80])


def _change(context: Context, expression: exp.Expression, handler: Callable[..., Result]) -> Result:
    if context.batch is None:
        return handler(context, expression)
    if isinstance(expression, exp.Insert):
        return insert_batch(context, expression)
    raise unsupported("many rows of bindings for a statement that is not INSERT")


def _begin_unless_autocommit(context: Context) -> None:
    if not context.session.parameters.flag("AUTOCOMMIT"):
        context.session.transaction.begin()


_CHANGES: dict[type[exp.Expression], Callable[..., Result]] = {
    exp.Insert: insert,
    exp.Update: update,
    exp.Delete: delete,
    exp.Merge: merge,
    exp.TruncateTable: truncate,
}


def _create(context: Context) -> Result:
    """CREATE [OR REPLACE] of what is neither a table nor a view."""
    tokens = context.tokens
    replace = tokens.accept("OR", "REPLACE")
    transient = tokens.accept("TRANSIENT")
    kinds: dict[tuple[str, ...], Callable[[], Result]] = {
        ("DATABASE",): lambda: schemas.create_database(context, replace=replace, transient=transient),
        ("SCHEMA",): lambda: schemas.create_schema(context, replace=replace, transient=transient),
    }
    if not transient:
        kinds |= {
            ("STAGE",): lambda: stage_statements.create_stage(context, replace=replace),
            ("FILE", "FORMAT"): lambda: stage_statements.create_file_format(context, replace=replace),
            ("ROLE",): lambda: accounts.create_role(context, replace=replace),
            ("USER",): lambda: accounts.create_user(context, replace=replace),
            ("WAREHOUSE",): lambda: accounts.create_warehouse(context, replace=replace),
            ("STORAGE", "INTEGRATION"): lambda: accounts.create_integration(context, replace=replace),
            ("RESOURCE", "MONITOR"): lambda: accounts.create_monitor(context, replace=replace),
            ("MASKING", "POLICY"): lambda: create_masking_policy(context, replace=replace),
            ("TAG",): lambda: create_tag(context, replace=replace),
        }
    for words, create in kinds.items():
        if tokens.accept(*words):
            session_statements.end_transaction(context, keep=True)
            return create()
    return _parsed(context)


def _drop(context: Context) -> Result:
    tokens = context.tokens
    kind = tokens.one_of(
        "TABLE", "VIEW", "SCHEMA", "DATABASE", "STAGE", "FILE FORMAT", "MASKING POLICY", "ROLE", "USER", "WAREHOUSE",
        "STORAGE INTEGRATION", "INTEGRATION", "RESOURCE MONITOR",
    )  # fmt: skip
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
        "MASKING POLICY": drop_masking_policy,
    }
    if kind in handlers:
        return handlers[kind](context, if_exists=if_exists)
    return accounts.drop(context, kind.removeprefix("STORAGE "), if_exists=if_exists)


_HANDLERS: tuple[tuple[tuple[str, ...], Handler, bool], ...] = (
    (("BEGIN",), session_statements.begin, False),
    (("START", "TRANSACTION"), session_statements.begin, False),
    (("COMMIT",), session_statements.commit, False),
    (("ROLLBACK",), session_statements.rollback, False),
    (("USE",), session_statements.use, False),
    (("ALTER", "SESSION"), session_statements.alter_session, False),
    (("SHOW",), show, False),
    (("DESCRIBE",), describe, False),
    (("DESC",), describe, False),
    (("COPY", "INTO"), copy_into, False),
    (("LIST",), stage_statements.list_stage, False),
    (("LS",), stage_statements.list_stage, False),
    (("GRANT",), grant, True),
    (("REVOKE",), revoke, True),
    (("COMMENT",), comment_on, True),
    (("ALTER", "USER"), accounts.alter_user, True),
    (("ALTER", "WAREHOUSE"), accounts.alter_warehouse, True),
    (("ALTER", "STORAGE", "INTEGRATION"), accounts.alter_integration, True),
    (("ALTER", "RESOURCE", "MONITOR"), accounts.alter_monitor, True),
    (("ALTER", "STAGE"), stage_statements.alter_stage, True),
    (("ALTER", "SCHEMA"), schemas.alter_schema, True),
    (("ALTER",), alter_relation, True),
    (("CREATE",), _create, False),
    (("DROP",), _drop, True),
)
