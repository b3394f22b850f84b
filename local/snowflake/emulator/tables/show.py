"""SHOW: OBJECTS, SCHEMAS, USER FUNCTIONS and GRANTS ON, which is what dbt asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fakesnow import statement_type

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.errors import SnowflakeError, operation_cannot_be_performed
from local.snowflake.emulator.sql.results import Result, named_columns, typed_rows
from local.snowflake.emulator.tables.information_schema import row_count, visible

Rows = Iterator[tuple[Any, ...]]


@dataclass
class _Filter:
    """What a SHOW is limited to. `database` and `schema` are None for all."""

    database: str | None = None
    schema: str | None = None
    starts_with: str | None = None
    limit: int | None = None
    after: str | None = None

    def takes(self, name: str) -> bool:
        return (self.starts_with is None or name.startswith(self.starts_with)) and (
            self.after is None or name > self.after
        )


def show(context: Context) -> Result:
    """SHOW [TERSE] kind [IN place] [STARTS WITH 'text'] [LIMIT n [FROM 'text']], or SHOW GRANTS ON name."""
    tokens = context.tokens
    if tokens.accept("GRANTS"):
        return _grants(context)
    terse = tokens.accept("TERSE")
    kind = tokens.emulated("SHOW", *_SHOWN)
    names, rows = _SHOWN[kind]
    columns = named_columns(names)
    limits = _filter(context, kind)
    name_at = [name for name, _ in columns].index("name")
    found = [row for row in rows(context, limits) if limits.takes(row[name_at])]
    if limits.limit is not None:
        found = found[: limits.limit]
    if terse:
        kept = [at for at, (name, _) in enumerate(columns) if name in _TERSE]
        columns = tuple(columns[at] for at in kept)
        found = [tuple(row[at] for at in kept) for row in found]
    return typed_rows(columns, found, statement_type.SHOW)


_TERSE = ("created_on", "name", "kind", "database_name", "schema_name")


def _filter(context: Context, kind: str) -> _Filter:
    tokens, session = context.tokens, context.session
    limits = _Filter(session.database, None if kind == "SCHEMAS" else session.schema)
    if tokens.accept("IN"):
        if tokens.accept("DATABASE"):
            limits.database, limits.schema = tokens.identifier(), None
        else:
            tokens.accept("SCHEMA")
            limits.database, limits.schema = session.resolve_schema(tokens.name(), "SHOW")
    _check_scope(context, limits)
    if tokens.accept("STARTS", "WITH"):
        limits.starts_with = tokens.text()
    if tokens.accept("LIMIT"):
        limits.limit = tokens.number()
        if tokens.accept("FROM"):
            limits.after = tokens.text()
    if not tokens.done:
        tokens.emulated(f"SHOW {kind} ...")
    return limits


def _check_scope(context: Context, limits: _Filter) -> None:
    try:
        if limits.database is not None:
            context.account.catalog.database(limits.database)
            if limits.schema is not None:
                context.require_schema(limits.database, limits.schema)
    except SnowflakeError:
        raise operation_cannot_be_performed() from None


def _objects(context: Context, limits: _Filter) -> Rows:
    for relation in visible(context, limits.database, limits.schema):
        rows = 0 if relation.temporary else row_count(context, relation)
        yield (
            relation.created_on, relation.name.name, relation.name.database, relation.name.schema, relation.kind,
            relation.comment or "", relation.cluster_by, rows, None if rows is None else rows * 1024, relation.owner,
            "1", "ROLE", "N", "N", "N", "N",
        )  # fmt: skip


def _schemas(context: Context, limits: _Filter) -> Rows:
    for database in context.account.catalog.databases.values():
        if limits.database in (None, database.name):
            for schema in sorted(database.schemas.values(), key=lambda schema: schema.name):
                if context.actor.held("SCHEMA", f"{database.name}.{schema.name}", schema.owner):
                    current = "Y" if context.session.schema == schema.name else "N"
                    yield (
                        schema.created_on, schema.name, None, database.name, None, current, schema.owner,
                        "", "MANAGED ACCESS" if schema.managed else "", "1",
                    )  # fmt: skip


def _nothing(_: Context, __: _Filter) -> Rows:
    yield from ()


_SHOWN: dict[str, tuple[str, Callable[[Context, _Filter], Rows]]] = {
    "OBJECTS": (
        "created_on:t name database_name schema_name kind comment cluster_by rows:n bytes:n owner "
        "retention_time owner_role_type is_hybrid is_dynamic is_iceberg is_interactive",
        _objects,
    ),
    "SCHEMAS": (
        "created_on:t name kind database_name schema_name is_current owner comment options retention_time",
        _schemas,
    ),
    "USER FUNCTIONS": (
        "created_on:t name schema_name is_builtin catalog_name arguments",
        _nothing,
    ),
}
"""Columns, as `named_columns` takes them, and rows."""

_GRANTS = named_columns("created_on:t privilege granted_on name granted_to grantee_name grant_option granted_by")


def _grants(context: Context) -> Result:
    """SHOW GRANTS ON [TABLE | VIEW] name: a view may be called a table, which is how dbt asks."""
    tokens = context.tokens
    tokens.emulated("SHOW GRANTS", "ON")
    tokens.accept("TABLE") or tokens.accept("VIEW")
    parts = tokens.name()
    if not tokens.done:
        tokens.emulated("SHOW GRANTS ON anything but a table or view:")
    relation = context.relation(context.session.resolve(parts, "SHOW"))
    now, name = datetime.now(UTC), str(relation.name)
    rows = [
        (
            now, grant.privilege, grant.kind, grant.name, "ROLE", grant.role, str(grant.with_grant_option).lower(), "",
        )
        for grant in context.account.grants.on(relation.kind, name)
    ]  # fmt: skip
    return typed_rows(
        _GRANTS,
        [(now, "OWNERSHIP", relation.kind, name, "ROLE", relation.owner, "true", relation.owner), *rows],
        statement_type.SHOW,
    )
