"""Runs a translated statement in the session's transaction."""

from __future__ import annotations

import itertools
import json
import warnings

import duckdb
import pyarrow as pa
from sqlglot import exp

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.errors import SnowflakeError
from local.snowflake.emulator.sql.duckdb_errors import snowflake_error
from local.snowflake.emulator.sql.functions import variable
from local.snowflake.emulator.sql.results import ResultColumn
from local.snowflake.emulator.sql.translate import Names, TableReference, bind, check_case, rewrite, upper_case
from local.snowflake.emulator.sql.types import printed_type
from local.snowflake.emulator.tables.information_schema import view
from local.snowflake.emulator.tables.table_functions import replace_table_functions


def prepare(context: Context, expression: exp.Expression, *, values: bool = True) -> tuple[exp.Expression, Names]:
    """Translate names, bindings, functions and types of a statement. Raises SnowflakeError before DuckDB is used."""
    if values:
        expression = bind(expression, context.values)
    upper_case(expression)
    replace_table_functions(context, expression)
    names = Names(
        resolve=lambda parts: context.session.resolve(parts),
        find=context.relation,
        information_schema=lambda database, name: view(context, database, name),
    )
    names.apply(expression)
    listed = itertools.chain.from_iterable(rows.column_names for rows in context.session.views.values())
    check_case(expression, names.references, listed)
    return rewrite(expression), names


def require_select(context: Context, references: list[TableReference], targets: set[int]) -> None:
    """Require SELECT on all tables that are read: the references except `targets` (ids of their nodes)."""
    for reference in references:
        if id(reference.node) not in targets:
            context.require_relation(reference.relation, "SELECT")


def run(context: Context, sql: str, *, wrote: bool, uses_temporary: bool = False) -> pa.Table:
    """Run one DuckDB statement. Raises SnowflakeError."""
    session = context.session
    session.check_interrupted()
    transaction = session.transaction
    transaction.before_statement()
    _set_variables(context)
    try:
        if transaction.would_be_lost and not uses_temporary and not session.views:
            context.account.duckdb.cursor().execute(f"EXPLAIN {sql}")
        for name, rows in session.views.items():
            session.connection.register(name, rows)
        cursor = session.connection.execute(sql)
        table = _arrow(cursor)
    except duckdb.Error as error:
        transaction.after_error(str(error))
        session.check_interrupted()
        if isinstance(error, duckdb.InterruptException):
            raise SnowflakeError(604, "57014", "SQL execution canceled") from None
        raise snowflake_error(error) from None
    transaction.after_statement(wrote=wrote)
    return table


def _arrow(cursor: duckdb.DuckDBPyConnection) -> pa.Table:
    with warnings.catch_warnings():
        # DuckDB recommends relations, which would run a statement a second time.
        warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)
        return cursor.to_arrow_table() if cursor.description else pa.table({})


def describe(context: Context, sql: str) -> tuple[ResultColumn, ...]:
    """Return the columns of a query's result."""
    rows = run(context, f"DESCRIBE {sql}", wrote=False).to_pylist()
    return tuple(ResultColumn(row["column_name"], printed_type(row["column_type"])) for row in rows)


def _secondary_roles(context: Context) -> str:
    """Return the value of CURRENT_SECONDARY_ROLES()."""
    session = context.session
    if not session.secondary_roles:
        return json.dumps({"roles": "", "value": ""}, separators=(",", ":"))
    roles = ",".join(sorted(context.account.grants.roles_of(session.user)))
    return json.dumps({"roles": roles, "value": "ALL"}, separators=(",", ":"))


def _set_variables(context: Context) -> None:
    session = context.session
    values = {
        "role": session.role,
        "secondary_roles": _secondary_roles(context),
        "user": session.user,
        "warehouse": session.warehouse,
        "database": session.database,
        "schema": session.schema,
        "session": str(session.id),
    }
    current = tuple(values.items())
    if session.variables == current:
        return
    for name, value in values.items():
        literal = "NULL" if value is None else "'" + value.replace("'", "''") + "'"
        session.connection.execute(f"SET VARIABLE {variable(name)} = {literal}::VARCHAR")
    session.variables = current
