"""DESCRIBE of tables and views."""

from __future__ import annotations

from fakesnow import statement_type

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.errors import no_such_object
from local.snowflake.emulator.sql.results import Result, typed_rows

_DESCRIBED = (
    "name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment",
    "policy name", "privacy domain",
)  # fmt: skip


def describe(context: Context) -> Result:
    """DESCRIBE {TABLE | VIEW} name."""
    tokens = context.tokens
    kind = tokens.emulated("DESCRIBE", "TABLE", "VIEW")
    name = context.session.resolve(tokens.name(), "DESCRIBE")
    if tokens.accept("TYPE", "="):
        tokens.expect("COLUMNS")
    tokens.end()
    relation = context.relation(name, kind.capitalize())
    if relation.kind != kind and kind == "VIEW":
        raise no_such_object("View", str(name))
    if not relation.temporary and not context.actor.held(relation.kind, str(name), relation.owner):
        raise no_such_object(kind.capitalize(), str(name))
    rows = [
        (
            column.name, column.type, "COLUMN", _yes(column.nullable), None, _yes(column.name in relation.primary_key),
            "N", None, None, column.comment, None, None,
        )
        for column in relation.columns
    ]  # fmt: skip
    return typed_rows([(name, "VARCHAR(16777216)") for name in _DESCRIBED], rows, statement_type.DESCRIBE)


def _yes(value: bool) -> str:
    return "Y" if value else "N"
