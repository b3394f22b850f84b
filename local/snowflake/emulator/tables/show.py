"""SHOW: OBJECTS, SCHEMAS, USER FUNCTIONS and GRANTS ON, which dbt uses; WAREHOUSES and PARAMETERS, which the doctor
uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fakesnow import statement_type

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.parameters import PARAMETERS
from local.snowflake.emulator.errors import SnowflakeError, operation_cannot_be_performed
from local.snowflake.emulator.sql.results import Result, named_columns, typed_rows
from local.snowflake.emulator.tables.information_schema import row_count, visible

Rows = Iterator[tuple[Any, ...]]


@dataclass
class _Filter:
    """The filter of a SHOW. `database` and `schema` are None for all."""

    database: str | None = None
    schema: str | None = None
    starts_with: str | None = None
    limit: int | None = None
    after: str | None = None
    like: re.Pattern[str] | None = None

    def takes(self, name: str) -> bool:
        if self.like is not None and not self.like.fullmatch(name):
            return False
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
    name_at = [name for name, _ in columns].index("key" if kind == "PARAMETERS" else "name")
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
    if tokens.accept("LIKE"):
        limits.like = _like(tokens.text())
    if kind in _OF_NO_DATABASE:
        tokens.accept("IN", "SESSION")
        limits.database = limits.schema = None
    elif tokens.accept("IN"):
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


def _like(pattern: str) -> re.Pattern[str]:
    """Return the pattern of SHOW's LIKE, which ignores case."""
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(letter) or re.escape(letter) for letter in pattern), re.IGNORECASE | re.DOTALL)


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


def _warehouses(context: Context, _: _Filter) -> Rows:
    for warehouse in sorted(context.account.warehouses.values(), key=lambda warehouse: warehouse.name):
        if context.actor.held("WAREHOUSE", warehouse.name, warehouse.owner):
            current = "Y" if context.session.warehouse == warehouse.name else "N"
            constraint = f"STANDARD_GEN_{warehouse.generation}"
            yield (
                warehouse.name, "SUSPENDED" if warehouse.suspended else "STARTED", "STANDARD", warehouse.size, current,
                warehouse.auto_suspend, str(warehouse.auto_resume).lower(), warehouse.owner,
                str(warehouse.accelerated).lower(), warehouse.monitor or "null", constraint, warehouse.generation,
            )  # fmt: skip


def _parameters(context: Context, _: _Filter) -> Rows:
    for name, parameter in sorted(PARAMETERS.items()):
        value = context.session.parameters[name]
        yield name, value, parameter.default, "" if value == parameter.default else "SESSION", parameter.kind


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
    "WAREHOUSES": (
        "name state type size is_current auto_suspend:n auto_resume owner enable_query_acceleration resource_monitor "
        "resource_constraint generation",
        _warehouses,
    ),
    "PARAMETERS": ("key value default level type", _parameters),
    "USER FUNCTIONS": (
        "created_on:t name schema_name is_builtin catalog_name arguments",
        _nothing,
    ),
}
"""Columns, as `named_columns` takes them, and rows."""

_OF_NO_DATABASE = ("WAREHOUSES", "PARAMETERS")

_GRANTS = named_columns("created_on:t privilege granted_on name granted_to grantee_name grant_option granted_by")


def _grants(context: Context) -> Result:
    """SHOW GRANTS ON [TABLE | VIEW] name. A view may be called a table, as dbt does."""
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
