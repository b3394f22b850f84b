"""SELECT, INSERT, UPDATE, DELETE and MERGE."""

from __future__ import annotations

import pyarrow as pa
from fakesnow import statement_type
from sqlglot import exp

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.locks import LockMode
from local.snowflake.emulator.errors import SnowflakeError, unsupported
from local.snowflake.emulator.sql.lengths import check_assignments, check_insert, check_merged
from local.snowflake.emulator.sql.relations import quoted
from local.snowflake.emulator.sql.results import Result, ResultColumn, counts
from local.snowflake.emulator.sql.translate import Names, TableReference, generate, name_columns
from local.snowflake.emulator.tables.execute import prepare, require_select, run


def select(context: Context, expression: exp.Expression) -> Result:
    name_columns(expression)
    expression, names = prepare(context, expression)
    require_select(context, names.references, set())
    if not names.metadata_only:
        context.require_warehouse()
    sql = generate(expression)
    table = run(context, sql, wrote=False, uses_temporary=_temporary(names))
    return Result(_columns(table), table, statement_type.SELECT)


def insert(context: Context, expression: exp.Insert) -> Result:
    expression, names, target = _prepare_change(context, expression, "INSERT")
    context.lock(target.relation.name, LockMode.WRITE if expression.args.get("overwrite") else LockMode.INSERT)
    if target.node.args.get("alias"):
        target.node.set("alias", None)
    check_insert(target.relation, expression)
    if expression.args.get("overwrite"):
        inserted = _overwrite(context, expression, target, names)
    else:
        inserted = _count(run(context, generate(expression), wrote=True, uses_temporary=_temporary(names)))
    return counts(["number of rows inserted"], [inserted], statement_type.INSERT)


def _overwrite(context: Context, expression: exp.Insert, target: TableReference, names: Names) -> int:
    """Run INSERT OVERWRITE ... SELECT as one DuckDB statement, because its query must see the rows that it replaces."""
    query = expression.expression
    if not isinstance(query, exp.Query):
        raise unsupported("INSERT OVERWRITE of VALUES")
    named = expression.this.expressions if isinstance(expression.this, exp.Schema) else []
    columns = [column.name for column in named] or [column.name for column in target.relation.columns]
    places = [quoted(f"C{at}") for at in range(len(columns))]
    sql = (
        f"MERGE INTO {generate(target.node)} USING ({generate(query)}) AS STORED({', '.join(places)}) ON FALSE "
        "WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED BY TARGET THEN "
        f"INSERT ({', '.join(map(quoted, columns))}) VALUES ({', '.join(f'STORED.{place}' for place in places)}) "
        "RETURNING merge_action"
    )
    actions = run(context, sql, wrote=True, uses_temporary=_temporary(names)).column(0).to_pylist()
    return actions.count("INSERT")


def update(context: Context, expression: exp.Update) -> Result:
    expression, names, target = _prepare_change(context, expression, "UPDATE")
    for assignment in expression.expressions:
        _unqualify(assignment.this)
    check_assignments(target.relation, expression.expressions)
    context.lock(target.relation.name, LockMode.WRITE)
    table = run(context, generate(expression), wrote=True, uses_temporary=_temporary(names))
    return counts(
        ["number of rows updated", "number of multi-joined rows updated"], [_count(table), 0], statement_type.UPDATE
    )


def delete(context: Context, expression: exp.Delete) -> Result:
    expression, names, target = _prepare_change(context, expression, "DELETE")
    context.lock(target.relation.name, LockMode.WRITE)
    table = run(context, generate(expression), wrote=True, uses_temporary=_temporary(names))
    return counts(["number of rows deleted"], [_count(table)], statement_type.DELETE)


def merge(context: Context, expression: exp.Merge) -> Result:
    expression, names, target = _prepare_change(context, expression, None)
    kinds: list[str] = []
    for when in expression.args["whens"].expressions:
        then = when.args["then"]
        if isinstance(then, exp.Insert):
            kinds.append("INSERT")
            for column in then.this.expressions if then.this is not None else []:
                _unqualify(column)
            check_merged(target.relation, then)
        elif isinstance(then, exp.Update):
            kinds.append("UPDATE")
            for assignment in then.expressions:
                _unqualify(assignment.this)
            check_assignments(target.relation, then.expressions)
        else:
            kinds.append("DELETE")
    for kind in kinds:
        context.require_relation(target.relation, kind)
    context.lock(target.relation.name, LockMode.WRITE)
    sql = generate(expression) + " RETURNING merge_action"
    actions = run(context, sql, wrote=True, uses_temporary=_temporary(names)).column(0).to_pylist()
    words = {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted"}
    done = [kind for kind in words if kind in kinds]
    return counts(
        [f"number of rows {words[kind]}" for kind in done], [actions.count(kind) for kind in done], statement_type.MERGE
    )


def _prepare_change(
    context: Context, expression: exp.Expression, privilege: str | None
) -> tuple[exp.Expression, Names, TableReference]:
    target_node = expression.this.this if isinstance(expression.this, exp.Schema) else expression.this
    if not isinstance(target_node, exp.Table):
        raise unsupported(expression.sql("snowflake")[:60])
    expression, names = prepare(context, expression)
    target = next(reference for reference in names.references if reference.node is target_node)
    if target.relation.kind != "TABLE":
        raise SnowflakeError(2, "0A000", f"SQL compilation error:\nView '{target.relation.name}' cannot be changed.")
    if privilege is not None:
        context.require_relation(target.relation, privilege)
    require_select(context, names.references, {id(target_node)})
    context.require_warehouse()
    return expression, names, target


def _columns(table: pa.Table) -> tuple[ResultColumn, ...]:
    return tuple(ResultColumn(field.name, _arrow_type(field)) for field in table.schema)


def _arrow_type(field: pa.Field) -> str:
    """Return the printed type of a column of DuckDB's Arrow result."""
    type_ = field.type
    if isinstance(type_, pa.BaseExtensionType):
        return "VARIANT" if "json" in type_.extension_name else "NUMBER(38,0)"
    if (field.metadata or {}).get(b"ARROW:extension:name") == b"arrow.json":
        return "VARIANT"
    if pa.types.is_decimal(type_):
        return f"NUMBER({min(type_.precision, 38)},{type_.scale})"
    if pa.types.is_integer(type_):
        return "NUMBER(38,0)"
    for test, printed in _ARROW_TYPES:
        if test(type_):
            return printed
    raise unsupported(f"a result column of type {type_}")


_ARROW_TYPES = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_floating, "FLOAT"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME(9)"),
    (lambda type_: pa.types.is_timestamp(type_) and type_.tz is not None, "TIMESTAMP_TZ(9)"),
    (pa.types.is_timestamp, "TIMESTAMP_NTZ(9)"),
    (lambda type_: pa.types.is_binary(type_) or pa.types.is_large_binary(type_), "BINARY(8388608)"),
    (lambda type_: pa.types.is_string(type_) or pa.types.is_large_string(type_), "VARCHAR(16777216)"),
    (pa.types.is_null, "VARCHAR(16777216)"),
)


def _unqualify(column: exp.Expression) -> None:
    if isinstance(column, exp.Column):
        column.set("table", None)


def _count(table: pa.Table) -> int:
    return int(table.column(0)[0].as_py()) if table.num_rows else 0


def _temporary(names: Names) -> bool:
    return any(reference.relation.temporary for reference in names.references)
