"""SHOW of everything but grants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fakesnow import statement_type

from local.snowflake.emulator.catalog import Relation
from local.snowflake.emulator.context import Context
from local.snowflake.emulator.errors import SnowflakeError
from local.snowflake.emulator.information_schema import row_count, visible
from local.snowflake.emulator.results import Result, named_columns, typed_rows
from local.snowflake.emulator.show_grants import show_grants
from local.snowflake.emulator.strictness import operation_cannot_be_performed

Rows = Iterator[tuple[Any, ...]]


@dataclass
class _Filter:
    """What a SHOW is limited to. `database` and `schema` are None for all."""

    database: str | None = None
    schema: str | None = None
    like: str | None = None
    starts_with: str | None = None
    limit: int | None = None
    after: str | None = None
    terse: bool = False

    def takes(self, name: str) -> bool:
        return (
            (self.like is None or _like(self.like.upper(), name.upper()))
            and (self.starts_with is None or name.startswith(self.starts_with))
            and (self.after is None or name > self.after)
        )


def show(context: Context) -> Result:
    tokens = context.tokens
    terse = tokens.accept("TERSE")
    if tokens.accept("GRANTS"):
        return show_grants(context, future=False)
    if tokens.accept("FUTURE", "GRANTS"):
        return show_grants(context, future=True)
    if tokens.accept("PARAMETERS"):
        return _parameters(context)
    kind = tokens.one_of(*_SHOWN)
    names, rows = _SHOWN[kind]
    columns = named_columns(names)
    limits = _filter(context, kind, terse=terse)
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


def _filter(context: Context, kind: str, *, terse: bool) -> _Filter:
    tokens, session = context.tokens, context.session
    limits = _Filter(terse=terse)
    if kind in _IN_SCHEMA:
        limits.database, limits.schema = session.database, session.schema
    elif kind == "SCHEMAS":
        limits.database = session.database
    tokens.accept("HISTORY")
    if tokens.accept("LIKE"):
        limits.like = tokens.text()
    if tokens.accept("IN"):
        if tokens.accept("ACCOUNT"):
            limits.database = limits.schema = None
        elif tokens.accept("DATABASE"):
            limits.database, limits.schema = (session.database if tokens.done else tokens.identifier()), None
        else:
            tokens.accept("SCHEMA")
            parts = tokens.name()
            if kind == "SCHEMAS":
                limits.database = parts[0]
            else:
                limits.database, limits.schema = session.resolve_schema(parts, "SHOW")
    _check_scope(context, limits)
    if tokens.accept("STARTS", "WITH"):
        limits.starts_with = tokens.text()
    if tokens.accept("LIMIT"):
        limits.limit = tokens.number()
        if tokens.accept("FROM"):
            limits.after = tokens.text()
    tokens.end()
    return limits


def _check_scope(context: Context, limits: _Filter) -> None:
    try:
        if limits.database is not None:
            context.account.catalog.database(limits.database)
            if limits.schema is not None:
                context.require_schema(limits.database, limits.schema)
    except SnowflakeError:
        raise operation_cannot_be_performed() from None


def _like(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    head, rest = pattern[0], pattern[1:]
    if head == "%":
        return any(_like(rest, name[at:]) for at in range(len(name) + 1))
    return bool(name) and (head == "_" or head == name[0]) and _like(rest, name[1:])


def _relations(context: Context, limits: _Filter, kinds: tuple[str, ...]) -> Iterator[Relation]:
    for relation in visible(context, limits.database, limits.schema):
        if relation.kind in kinds:
            yield relation


def _objects(context: Context, limits: _Filter) -> Rows:
    for relation in _relations(context, limits, ("TABLE", "VIEW")):
        rows = 0 if relation.temporary else row_count(context, relation)
        yield (
            relation.created_on, relation.name.name, relation.name.database, relation.name.schema, relation.kind,
            relation.comment or "", relation.cluster_by, rows, None if rows is None else rows * 1024, relation.owner,
            "1", "ROLE", "N", "N", "N", "N",
        )  # fmt: skip


def _table_kind(relation: Relation) -> str:
    return "TEMPORARY" if relation.temporary else ("TRANSIENT" if relation.transient else "TABLE")


def _tables(context: Context, limits: _Filter) -> Rows:
    for relation in _relations(context, limits, ("TABLE",)):
        rows = 0 if relation.temporary else row_count(context, relation)
        yield (
            relation.created_on, relation.name.name, relation.name.database, relation.name.schema,
            _table_kind(relation), relation.comment or "", relation.cluster_by, rows, (rows or 0) * 1024,
            relation.owner, "1", "OFF", "ROLE",
        )  # fmt: skip


def _views(context: Context, limits: _Filter) -> Rows:
    for relation in _relations(context, limits, ("VIEW",)):
        yield (
            relation.created_on, relation.name.name, relation.name.database, relation.name.schema, "VIEW",
            relation.owner, relation.comment or "", relation.text, str(relation.secure).lower(), "false", "ROLE",
        )  # fmt: skip


def _schemas(context: Context, limits: _Filter) -> Rows:
    for database in context.account.catalog.databases.values():
        if limits.database in (None, database.name):
            for schema in sorted(database.schemas.values(), key=lambda schema: schema.name):
                if context.actor.held("SCHEMA", f"{database.name}.{schema.name}", schema.owner):
                    options = ", ".join(
                        word for word, on in (("MANAGED ACCESS", schema.managed), ("TRANSIENT", schema.transient)) if on
                    )
                    yield (
                        schema.created_on, schema.name, None, database.name, None,
                        _yes(context.session.schema == schema.name), schema.owner, schema.comment or "", options, "1",
                    )  # fmt: skip


def _databases(context: Context, _: _Filter) -> Rows:
    for database in context.account.catalog.databases.values():
        if context.actor.held("DATABASE", database.name, database.owner):
            yield (
                database.created_on, database.name, _yes(context.session.database == database.name), database.owner,
                database.comment or "", "TRANSIENT" if database.transient else "", "1", "STANDARD",
            )  # fmt: skip


def _warehouses(context: Context, _: _Filter) -> Rows:
    for warehouse in context.account.warehouses.values():
        if context.actor.held("WAREHOUSE", warehouse.name, warehouse.owner):
            yield (
                warehouse.name, "SUSPENDED" if warehouse.suspended else "STARTED", "STANDARD", warehouse.size.title(),
                _yes(context.session.warehouse == warehouse.name), warehouse.auto_suspend,
                str(warehouse.auto_resume).lower(), warehouse.created_on, warehouse.owner, warehouse.comment,
                warehouse.resource_monitor or "null",
            )  # fmt: skip


def _roles(context: Context, _: _Filter) -> Rows:
    grants = context.account.grants
    for role in context.account.roles.values():
        roles, users = grants.holders(role.name)
        yield (
            role.created_on, role.name, _yes(False), _yes(context.session.role == role.name),
            _yes(role.name in grants.effective([context.session.role])), len(users), len(roles),
            len(grants.members(role.name)), role.owner, role.comment,
        )  # fmt: skip


def _users(context: Context, _: _Filter) -> Rows:
    for user in context.account.users.values():
        yield (
            user.name, user.created_on, user.login_name, user.display_name, user.email, str(user.disabled).lower(),
            user.comment, user.default_warehouse or "", user.default_namespace or "", user.default_role or "",
            user.type, str(bool(user.public_keys)).lower(), str(user.password is not None).lower(),
        )  # fmt: skip


def _stages(context: Context, limits: _Filter) -> Rows:
    for name, stage in sorted(context.account.stages.items()):
        if limits.database in (None, name.database) and limits.schema in (None, name.schema):
            yield (
                datetime.now(UTC), name.name, name.database, name.schema, stage.url, "N", "N", stage.owner,
                stage.comment, "", "EXTERNAL", "AWS", stage.integration or "",
            )  # fmt: skip


def _file_formats(context: Context, limits: _Filter) -> Rows:
    for name, form in sorted(context.account.file_formats.items()):
        if limits.database in (None, name.database) and limits.schema in (None, name.schema):
            yield (
                datetime.now(UTC),
                name.name,
                name.database,
                name.schema,
                form.options.get("TYPE", ""),
                form.owner,
                form.comment,
            )


def _integrations(context: Context, _: _Filter) -> Rows:
    for integration in context.account.integrations.values():
        yield (
            integration.name,
            "EXTERNAL_STAGE",
            "STORAGE",
            str(integration.enabled).lower(),
            integration.comment,
            datetime.now(UTC),
        )


def _nothing(_: Context, __: _Filter) -> Rows:
    yield from ()


def _yes(value: bool) -> str:
    return "Y" if value else "N"


_SHOWN: dict[str, tuple[str, Callable[[Context, _Filter], Rows]]] = {
    "OBJECTS": (
        "created_on:t name database_name schema_name kind comment cluster_by rows:n bytes:n owner "
        "retention_time owner_role_type is_hybrid is_dynamic is_iceberg is_interactive",
        _objects,
    ),
    "TABLES": (
        "created_on:t name database_name schema_name kind comment cluster_by rows:n bytes:n owner "
        "retention_time automatic_clustering owner_role_type",
        _tables,
    ),
    "VIEWS": (
        "created_on:t name database_name schema_name kind owner comment text is_secure is_materialized owner_role_type",
        _views,
    ),
    "SCHEMAS": (
        "created_on:t name kind database_name schema_name is_current owner comment options retention_time",
        _schemas,
    ),
    "DATABASES": (
        "created_on:t name is_current owner comment options retention_time kind",
        _databases,
    ),
    "WAREHOUSES": (
        "name state type size is_current auto_suspend:n auto_resume created_on:t owner comment resource_monitor",
        _warehouses,
    ),
    "ROLES": (
        "created_on:t name is_default is_current is_inherited assigned_to_users:n granted_to_roles:n "
        "granted_roles:n owner comment",
        _roles,
    ),
    "USERS": (
        "name created_on:t login_name display_name email disabled comment default_warehouse default_namespace "
        "default_role type has_rsa_public_key has_password",
        _users,
    ),
    "STAGES": (
        "created_on:t name database_name schema_name url has_credentials has_encryption_key owner comment "
        "region type cloud storage_integration",
        _stages,
    ),
    "FILE FORMATS": (
        "created_on:t name database_name schema_name type owner comment",
        _file_formats,
    ),
    "INTEGRATIONS": (
        "name type category enabled comment created_on:t",
        _integrations,
    ),
    "STORAGE INTEGRATIONS": (
        "name type category enabled comment created_on:t",
        _integrations,
    ),
    "DYNAMIC TABLES": (
        "created_on:t name database_name schema_name",
        _nothing,
    ),
    "USER FUNCTIONS": (
        "created_on:t name schema_name is_builtin catalog_name arguments",
        _nothing,
    ),
}
"""Columns, as `named_columns` takes them, and rows."""
_IN_SCHEMA = ("OBJECTS", "TABLES", "VIEWS", "STAGES", "FILE FORMATS", "DYNAMIC TABLES", "USER FUNCTIONS")


def _parameters(context: Context) -> Result:
    tokens = context.tokens
    like = tokens.text() if tokens.accept("LIKE") else None
    if tokens.accept("IN") or tokens.accept("FOR"):
        tokens.one_of("SESSION", "ACCOUNT")
    tokens.end()
    rows = [row for row in context.session.parameters.rows() if like is None or _like(like.upper(), row[0])]
    return typed_rows(named_columns("key value default level description type"), rows, statement_type.SHOW)
