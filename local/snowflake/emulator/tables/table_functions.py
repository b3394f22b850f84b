"""TABLE(INFORMATION_SCHEMA.COPY_HISTORY(...)) and QUERY_HISTORY()."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
from sqlglot import exp

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.doubts import Doubt
from local.snowflake.emulator.account.history import COPY_HISTORY
from local.snowflake.emulator.errors import SnowflakeError, invalid_parameter, unknown_function
from local.snowflake.emulator.sql.duckdb_errors import snowflake_error
from local.snowflake.emulator.sql.tokens import Tokens
from local.snowflake.emulator.tables.information_schema import register

_TEXT, _NUMBER, _TIME = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
_COPY = pa.schema(
    [
        ("FILE_NAME", _TEXT), ("STAGE_LOCATION", _TEXT), ("LAST_LOAD_TIME", _TIME), ("ROW_COUNT", _NUMBER),
        ("ROW_PARSED", _NUMBER), ("FILE_SIZE", _NUMBER), ("FIRST_ERROR_MESSAGE", _TEXT), ("ERROR_COUNT", _NUMBER),
        ("ERROR_LIMIT", _NUMBER), ("STATUS", _TEXT), ("TABLE_CATALOG_NAME", _TEXT), ("TABLE_SCHEMA_NAME", _TEXT),
        ("TABLE_NAME", _TEXT), ("PIPE_NAME", _TEXT),
    ]
)  # fmt: skip
_QUERIES = pa.schema(
    [
        ("QUERY_ID", _TEXT), ("QUERY_TEXT", _TEXT), ("DATABASE_NAME", _TEXT), ("SCHEMA_NAME", _TEXT),
        ("SESSION_ID", _NUMBER), ("USER_NAME", _TEXT), ("ROLE_NAME", _TEXT), ("WAREHOUSE_NAME", _TEXT),
        ("QUERY_TAG", _TEXT), ("EXECUTION_STATUS", _TEXT), ("ERROR_CODE", _TEXT), ("ERROR_MESSAGE", _TEXT),
        ("START_TIME", _TIME), ("END_TIME", _TIME),
    ]
)  # fmt: skip


def replace_table_functions(context: Context, expression: exp.Expression) -> None:
    """Replace the table functions that the account knows by their rows."""
    for node in list(expression.find_all(exp.TableFromRows)):
        called = node.this
        if isinstance(called, exp.Dot):
            called = called.expression
            while isinstance(called, exp.Dot):
                called = called.expression
        if not isinstance(called, exp.Anonymous):
            continue
        name = called.name.upper()
        arguments = _arguments(called)
        if name == "COPY_HISTORY":
            registered = _copy_history(context, arguments)
        elif name.startswith("QUERY_HISTORY"):
            registered = _query_history(context, arguments)
        else:
            raise unknown_function(name)
        table = exp.Table(
            this=exp.to_identifier(registered, quoted=True),
            db=exp.to_identifier("main", quoted=True),
            catalog=exp.to_identifier("temp", quoted=True),
            alias=node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name, quoted=True)),
        )
        table.meta["resolved"] = True
        node.replace(table)


def _arguments(called: exp.Anonymous) -> dict[str, exp.Expression]:
    found: dict[str, exp.Expression] = {}
    for argument in called.expressions:
        if not isinstance(argument, exp.Kwarg):
            raise invalid_parameter(argument.sql("snowflake"))
        found[argument.this.name.upper()] = argument.expression
    return found


def _copy_history(context: Context, arguments: dict[str, exp.Expression]) -> str:
    if unknown := set(arguments) - {"TABLE_NAME", "START_TIME", "END_TIME"}:
        raise invalid_parameter(", ".join(sorted(unknown)))
    if missing := {"TABLE_NAME", "START_TIME"} - set(arguments):
        raise invalid_parameter(", ".join(sorted(missing)))
    table = context.session.resolve(Tokens(arguments["TABLE_NAME"].name).name())
    context.relation(table)
    since = _instant(context, arguments["START_TIME"])
    if since <= datetime.now(UTC) - COPY_HISTORY:
        # "A timestamp within the last 14 days" (COPY_HISTORY in Snowflake's reference). A value at the bound itself is
        # refused, as users have reported. No number of this error is published.
        raise SnowflakeError(1014, "22023", f"Cannot retrieve data from more than {COPY_HISTORY.days} days ago")
    until = _instant(context, arguments["END_TIME"]) if "END_TIME" in arguments else datetime.now(UTC)
    late = Doubt.HISTORY_IS_LATE in context.account.doubts
    rows = [
        (
            file.path, file.stage, file.time, file.rows, file.rows, file.size, file.first_error,
            1 if file.first_error else 0, 1, file.status, table.database, table.schema, table.name, None,
        )
        for file in context.account.loads.of(table)
        if since <= file.time <= until and not late
    ]  # fmt: skip
    return register(context, "TABLE_COPY_HISTORY", _COPY, rows)


def _query_history(context: Context, arguments: dict[str, exp.Expression]) -> str:
    if unknown := set(arguments) - {"RESULT_LIMIT"}:
        raise invalid_parameter(", ".join(sorted(unknown)))
    limit = int(arguments["RESULT_LIMIT"].name) if "RESULT_LIMIT" in arguments else 10_000
    rows = [
        (
            query.id, query.text, query.database, query.schema, query.session, query.user, query.role,
            query.warehouse, query.tag, query.status, query.error_code, query.error_message, query.started,
            query.ended,
        )
        for query in context.account.queries.all()[-limit:]
    ]  # fmt: skip
    return register(context, "TABLE_QUERY_HISTORY", _QUERIES, rows)


def _instant(context: Context, expression: exp.Expression) -> datetime:
    """Return the value of a constant expression."""
    import duckdb

    from local.snowflake.emulator.sql.translate import generate, rewrite

    sql = generate(rewrite(exp.Select(expressions=[exp.Paren(this=expression.copy())])))
    try:
        [(value,)] = context.account.duckdb.cursor().execute(f"SELECT ({sql})::TIMESTAMPTZ").fetchall()
    except duckdb.Error as error:
        raise snowflake_error(error) from None
    assert isinstance(value, datetime)
    return value
