"""VARCHAR(n): a text that is too long for its column is refused when it would be stored."""

from __future__ import annotations

from sqlglot import exp

from local.snowflake.emulator.sql.macros import call
from local.snowflake.emulator.sql.relations import Relation
from local.snowflake.emulator.sql.types import MAX_VARCHAR, text_length


def checked(relation: Relation, column: str, value: exp.Expression) -> exp.Expression:
    """Return the expression of a value to be stored in a column, with a check of its length."""
    found = relation.column(column)
    length = text_length(found.type) if found is not None else None
    if length is None or length >= MAX_VARCHAR:
        return value
    return call("stored_text", value, exp.Literal.number(length))


def check_assignments(relation: Relation, assignments: list[exp.Expression]) -> None:
    """Check `column = value` of UPDATE and MERGE."""
    for assignment in assignments:
        assignment.set("expression", checked(relation, assignment.this.name, assignment.expression))


def check_insert(relation: Relation, insert: exp.Insert) -> None:
    """Check the rows of INSERT ... SELECT and INSERT ... VALUES."""
    named = insert.this.expressions if isinstance(insert.this, exp.Schema) else []
    names = [column.name for column in named] or [column.name for column in relation.columns]
    places = [exp.to_identifier(f"C{at}", quoted=True) for at in range(len(names))]
    values = [checked(relation, name, exp.column(place.copy())) for name, place in zip(names, places, strict=True)]
    if all(isinstance(value, exp.Column) for value in values):
        return
    alias = exp.TableAlias(this=exp.to_identifier("ROWS_TO_STORE", quoted=True), columns=places)
    query = insert.expression
    if isinstance(query, exp.Values):
        source: exp.Expression = query.copy()
        source.set("alias", alias)
    else:
        source = exp.Subquery(this=query.copy(), alias=alias)
    insert.set("expression", exp.Select(expressions=values).from_(source))


def check_merged(relation: Relation, insert: exp.Insert) -> None:
    """Check the one row of MERGE's INSERT."""
    names = [column.name for column in insert.this.expressions] if insert.this is not None else []
    names = names or [column.name for column in relation.columns]
    row = insert.expression
    row.set("expressions", [checked(relation, name, value) for name, value in zip(names, row.expressions, strict=True)])
