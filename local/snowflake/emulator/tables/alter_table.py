"""ALTER TABLE and ALTER VIEW, and COMMENT ON."""

from __future__ import annotations

from sqlglot.errors import SqlglotError
from sqlglot.expressions import DataType

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.locks import LockMode
from local.snowflake.emulator.errors import (
    SnowflakeError,
    invalid_identifier,
    no_such_object,
    syntax_error,
    unsupported,
)
from local.snowflake.emulator.sql.relations import Column, Relation, quoted
from local.snowflake.emulator.sql.results import Result, status
from local.snowflake.emulator.sql.tokens import Tokens
from local.snowflake.emulator.sql.types import declared_type, duckdb_type, family, number_parts, text_length
from local.snowflake.emulator.tables.execute import run

DONE = "Statement executed successfully."


def alter_relation(context: Context) -> Result:
    """ALTER {TABLE | VIEW} [IF EXISTS] name ..."""
    tokens = context.tokens
    kind = tokens.emulated("ALTER", "TABLE", "VIEW")
    if_exists = tokens.accept("IF", "EXISTS")
    name = context.session.resolve(tokens.name(), f"ALTER {kind}")
    if context.find_relation(name) is None and if_exists:
        return status(DONE)
    relation = context.relation(name, kind.capitalize())
    if relation.kind != kind and not (relation.kind == "VIEW" and kind == "TABLE"):
        raise no_such_object(kind.capitalize(), str(name))
    context.require_relation(relation, "OWNERSHIP")
    context.lock(name, LockMode.DDL)
    _action(context, tokens, relation)
    tokens.end()
    return status(DONE)


def _action(context: Context, tokens: Tokens, relation: Relation) -> None:
    if tokens.accept("ADD"):
        tokens.accept("COLUMN")
        _add_columns(context, tokens, relation)
    elif tokens.accept("CLUSTER", "BY"):
        relation.cluster_by = f"LINEAR{tokens.rest()}"
    elif tokens.accept("ALTER") or tokens.accept("MODIFY"):
        _alter_columns(context, tokens, relation)
    else:
        raise unsupported(f"ALTER {relation.kind} ... {tokens.rest()[:40]}")


def _add_columns(context: Context, tokens: Tokens, relation: Relation) -> None:
    new: list[Column] = []
    while True:
        if_missing = tokens.accept("IF", "NOT", "EXISTS")
        name = tokens.identifier()
        type_ = data_type(tokens)
        column = Column(name, declared_type(type_))
        while not tokens.done and not tokens.accept(","):
            if tokens.accept("NOT", "NULL"):
                column.nullable = False
            elif tokens.accept("COMMENT"):
                column.comment = tokens.text()
            elif not tokens.accept("NULL"):
                raise tokens.unexpected("expected NOT NULL or COMMENT")
        if relation.column(name) is not None:
            if not if_missing:
                raise SnowflakeError(1430, "42601", f"SQL compilation error:\ncolumn '{name}' already exists")
        else:
            if not column.nullable and _rows(context, relation):
                raise SnowflakeError(
                    2,
                    "22000",
                    f"Non-nullable column '{name}' cannot be added to non-empty table '{relation.name.name}'",
                )
            run(
                context,
                f"ALTER TABLE {relation.duckdb} ADD COLUMN {quoted(name)} {duckdb_type(type_).sql('duckdb')}",
                wrote=True,
            )
            if not column.nullable:
                run(context, f"ALTER TABLE {relation.duckdb} ALTER {quoted(name)} SET NOT NULL", wrote=True)
            new.append(column)
            relation.columns.append(column)
        if tokens.done:
            return


def _rows(context: Context, relation: Relation) -> int:
    return int(run(context, f"SELECT count(*) FROM {relation.duckdb}", wrote=False).column(0)[0].as_py())


def _alter_columns(context: Context, tokens: Tokens, relation: Relation) -> None:
    """ALTER [COLUMN] a ..., [COLUMN] b ..."""
    while True:
        tokens.accept("COLUMN")
        _alter_column(context, tokens, relation, _column(relation, tokens.identifier()))
        if not tokens.accept(","):
            return


def _alter_column(context: Context, tokens: Tokens, relation: Relation, column: Column) -> None:
    if tokens.accept("COMMENT"):
        column.comment = tokens.text()
    elif relation.kind == "TABLE" and tokens.accept("SET", "DATA", "TYPE"):
        _change_type(context, tokens, relation, column)
    else:
        raise unsupported(f"ALTER COLUMN ... {tokens.rest()[:40]}")


def _change_type(context: Context, tokens: Tokens, relation: Relation, column: Column) -> None:
    """Change a type, as Snowflake allows: to a wider VARCHAR, or to a NUMBER of the same scale and no smaller
    precision.
    """
    type_ = data_type(tokens)
    new = declared_type(type_)
    if family(new) != family(column.type):
        raise _cannot_change(column, new)
    old_number, new_number = number_parts(column.type), number_parts(new)
    if old_number and new_number:
        if new_number[1] != old_number[1]:
            raise _cannot_change(column, new, "changing the scale is not supported")
        if new_number[0] < old_number[0]:
            raise unsupported("decreasing the precision of a column")
    old_length, new_length = text_length(column.type), text_length(new)
    if old_length and new_length and new_length < old_length:
        raise _cannot_change(column, new, "reducing the byte-length of a varchar is not supported")
    if new != column.type and not old_length:
        stored = duckdb_type(type_).sql("duckdb")
        run(
            context,
            f"ALTER TABLE {relation.duckdb} ALTER COLUMN {quoted(column.name)} SET DATA TYPE {stored}",
            wrote=True,
        )
    column.type = new


def _cannot_change(column: Column, new: str, why: str | None = None) -> SnowflakeError:
    because = f" because {why}." if why else "."
    return SnowflakeError(
        2108,
        "22000",
        f"SQL compilation error:\ncannot change column {column.name} from type {column.type} to {new}{because}",
    )


def comment_on(context: Context) -> Result:
    """COMMENT [IF EXISTS] ON {TABLE | VIEW} name IS 'text'."""
    tokens = context.tokens
    if_exists = tokens.accept("IF", "EXISTS")
    tokens.expect("ON")
    kind = tokens.emulated("COMMENT ON", "TABLE", "VIEW")
    parts = tokens.name()
    tokens.expect("IS")
    text = tokens.text()
    tokens.end()
    name = context.session.resolve(parts, "COMMENT")
    if if_exists and context.find_relation(name) is None:
        return status(DONE)
    relation = context.relation(name, kind.capitalize())
    context.require_relation(relation, "OWNERSHIP")
    relation.comment = text
    return status(DONE)


def _column(relation: Relation, name: str) -> Column:
    if found := relation.column(name):
        return found
    raise invalid_identifier(name)


def data_type(tokens: Tokens) -> DataType:
    """Parse a type's words, with its parameters in brackets."""
    text = tokens.identifier()
    for more in ("PRECISION", "VARYING"):
        if tokens.accept(more):
            text += f" {more}"
    if tokens.accept("("):
        numbers = [str(tokens.number())]
        while tokens.accept(","):
            numbers.append(str(tokens.number()))
        tokens.expect(")")
        text += f"({', '.join(numbers)})"
    try:
        type_ = DataType.build(text, dialect="snowflake")
    except (SqlglotError, ValueError):
        raise syntax_error(f"unknown type {text}") from None
    return type_
