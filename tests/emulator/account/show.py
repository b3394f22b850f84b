"""SHOW and DESCRIBE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fakesnow import statement_type

from tests.emulator.account.catalog import Relation
from tests.emulator.account.context import Context
from tests.emulator.account.errors import SnowflakeError, no_such_object, unsupported
from tests.emulator.account.information_schema import row_count, visible
from tests.emulator.account.keys import fingerprint
from tests.emulator.account.privileges import Grant
from tests.emulator.account.results import Result, typed_rows
from tests.emulator.account.strictness import operation_cannot_be_performed

_TEXT, _NUMBER, _TIME = "VARCHAR(16777216)", "NUMBER(38,0)", "TIMESTAMP_LTZ(9)"
Columns = tuple[tuple[str, str], ...]
Rows = Iterator[tuple[Any, ...]]


def _columns(text: str) -> Columns:
    """`name`, `name:n` for a number and `name:t` for a time."""
    types = {"": _TEXT, "n": _NUMBER, "t": _TIME}
    return tuple((name, types[type_]) for name, _, type_ in (word.partition(":") for word in text.split()))


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
        return _grants(context, future=False)
    if tokens.accept("FUTURE", "GRANTS"):
        return _grants(context, future=True)
    if tokens.accept("PARAMETERS"):
        return _parameters(context)
    kind = tokens.one_of(*_SHOWN)
    columns, rows = _SHOWN[kind]
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


def _columns_of(context: Context, limits: _Filter) -> Rows:
    for relation in _relations(context, limits, ("TABLE", "VIEW")):
        for column in relation.columns:
            yield (
                relation.name.name,
                relation.name.schema,
                column.name,
                column.type,
                str(column.nullable).lower(),
                relation.name.database,
            )


def _nothing(_: Context, __: _Filter) -> Rows:
    yield from ()


def _yes(value: bool) -> str:
    return "Y" if value else "N"


_SHOWN: dict[str, tuple[Columns, Callable[[Context, _Filter], Rows]]] = {
    "OBJECTS": (_columns("created_on:t name database_name schema_name kind comment cluster_by rows:n bytes:n owner "
                         "retention_time owner_role_type is_hybrid is_dynamic is_iceberg is_interactive"), _objects),
    "TABLES": (_columns("created_on:t name database_name schema_name kind comment cluster_by rows:n bytes:n owner "
                        "retention_time automatic_clustering owner_role_type"), _tables),
    "VIEWS": (_columns("created_on:t name database_name schema_name kind owner comment text is_secure is_materialized "
                       "owner_role_type"), _views),
    "SCHEMAS": (_columns("created_on:t name kind database_name schema_name is_current owner comment options "
                         "retention_time"), _schemas),
    "DATABASES": (_columns("created_on:t name is_current owner comment options retention_time kind"), _databases),
    "WAREHOUSES": (_columns("name state type size is_current auto_suspend:n auto_resume created_on:t owner comment "
                            "resource_monitor"), _warehouses),
    "ROLES": (_columns("created_on:t name is_default is_current is_inherited assigned_to_users:n granted_to_roles:n "
                       "granted_roles:n owner comment"), _roles),
    "USERS": (_columns("name created_on:t login_name display_name email disabled comment default_warehouse "
                       "default_namespace default_role type has_rsa_public_key has_password"), _users),
    "STAGES": (_columns("created_on:t name database_name schema_name url has_credentials has_encryption_key owner "
                        "comment region type cloud storage_integration"), _stages),
    "FILE FORMATS": (_columns("created_on:t name database_name schema_name type owner comment"), _file_formats),
    "INTEGRATIONS": (_columns("name type category enabled comment created_on:t"), _integrations),
    "STORAGE INTEGRATIONS": (_columns("name type category enabled comment created_on:t"), _integrations),
    "DYNAMIC TABLES": (_columns("created_on:t name database_name schema_name"), _nothing),
    "USER FUNCTIONS": (_columns("created_on:t name schema_name is_builtin catalog_name arguments"), _nothing),
}  # fmt: skip
_IN_SCHEMA = ("OBJECTS", "TABLES", "VIEWS", "STAGES", "FILE FORMATS", "DYNAMIC TABLES", "USER FUNCTIONS")


def _parameters(context: Context) -> Result:
    tokens = context.tokens
    like = tokens.text() if tokens.accept("LIKE") else None
    if tokens.accept("IN") or tokens.accept("FOR"):
        tokens.one_of("SESSION", "ACCOUNT")
    tokens.end()
    rows = [row for row in context.session.parameters.rows() if like is None or _like(like.upper(), row[0])]
    return typed_rows(_columns("key value default level description type"), rows, statement_type.SHOW)


_GRANTS = _columns("created_on:t privilege granted_on name granted_to grantee_name grant_option granted_by")
_GRANTABLE = ("TABLE", "VIEW", "SCHEMA", "DATABASE", "WAREHOUSE", "STAGE", "INTEGRATION", "FILE FORMAT")
_ROLE_GRANTS = _columns("created_on:t role granted_to grantee_name granted_by")
_FUTURE_GRANTS = _columns("created_on:t privilege grant_on name grant_to grantee_name grant_option")


def _grants(context: Context, *, future: bool) -> Result:
    tokens, account = context.tokens, context.account
    if future:
        return _future_grants(context)
    if tokens.accept("TO", "ROLE"):
        role = account.role(tokens.identifier()).name
        rows = [_grant_row(grant) for grant in account.grants.to_role(role)]
        rows += [
            (_now(), "USAGE", "ROLE", member, "ROLE", role, "false", "") for member in account.grants.members(role)
        ]
        return typed_rows(_GRANTS, rows, statement_type.SHOW)
    if tokens.accept("TO", "USER"):
        user = account.user(tokens.identifier()).name
        rows = [(_now(), role, "USER", user, "") for role in sorted(account.grants.roles_of(user))]
        return typed_rows(_ROLE_GRANTS, rows, statement_type.SHOW)
    if tokens.accept("OF", "ROLE"):
        role = account.role(tokens.identifier()).name
        roles, users = account.grants.holders(role)
        rows = [(_now(), role, "ROLE", name, "") for name in roles] + [
            (_now(), role, "USER", name, "") for name in users
        ]
        return typed_rows(_ROLE_GRANTS, rows, statement_type.SHOW)
    tokens.expect("ON")
    # Without a kind it is a table or a view: so dbt asks.
    kind = next((kind for kind in _GRANTABLE if tokens.accept(*kind.split())), "TABLE")
    parts = tokens.name()
    tokens.end()
    name = _full_name(context, kind, parts)
    rows = [_grant_row(grant) for found in _kinds(kind) for grant in account.grants.on(found, name)]
    owner = _owner(context, kind, parts)
    if owner is not None and not any(row[1] == "OWNERSHIP" for row in rows):
        rows.insert(0, (_now(), "OWNERSHIP", kind, name, "ROLE", owner, "true", owner))
    return typed_rows(_GRANTS, rows, statement_type.SHOW)


def _kinds(kind: str) -> tuple[str, ...]:
    # SHOW GRANTS ON TABLE takes a view too, which is how dbt asks.
    return ("TABLE", "VIEW") if kind in ("TABLE", "VIEW") else (kind,)


def _full_name(context: Context, kind: str, parts: tuple[str, ...]) -> str:
    if kind in ("TABLE", "VIEW"):
        return str(context.relation(context.session.resolve(parts, "SHOW")).name)
    if kind in ("STAGE", "FILE FORMAT"):
        return str(context.session.resolve(parts, "SHOW"))
    if kind == "SCHEMA":
        return ".".join(context.session.resolve_schema(parts, "SHOW"))
    return parts[0]


def _owner(context: Context, kind: str, parts: tuple[str, ...]) -> str | None:
    account, session = context.account, context.session
    if kind in ("TABLE", "VIEW"):
        return context.relation(session.resolve(parts, "SHOW")).owner
    if kind == "SCHEMA":
        return account.catalog.schema(*session.resolve_schema(parts, "SHOW")).owner
    if kind == "DATABASE":
        return account.catalog.database(parts[0]).owner
    if kind == "STAGE":
        return account.stage(session.resolve(parts, "SHOW")).owner
    if kind == "WAREHOUSE":
        return account.warehouse(parts[0]).owner
    return None


def _future_grants(context: Context) -> Result:
    tokens, account = context.tokens, context.account
    if tokens.accept("TO", "ROLE"):
        grants = account.grants.to_role(account.role(tokens.identifier()).name, future=True)
    else:
        tokens.expect("IN")
        kind = tokens.one_of("SCHEMA", "DATABASE")
        grants = account.grants.future_in(_full_name(context, kind, tokens.name()))
    rows = [
        (_now(), grant.privilege, grant.kind, f"{grant.name}.<{grant.kind}>", "ROLE", grant.role, "false")
        for grant in grants
    ]
    return typed_rows(_FUTURE_GRANTS, rows, statement_type.SHOW)


def _grant_row(grant: Grant) -> tuple[Any, ...]:
    option = str(grant.with_grant_option).lower()
    return _now(), grant.privilege, grant.kind.replace(" ", "_"), grant.name, "ROLE", grant.role, option, ""


def _now() -> datetime:
    return datetime.now(UTC)


_DESCRIBED = (
    "name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment",
    "policy name", "privacy domain",
)  # fmt: skip


def describe(context: Context) -> Result:
    """DESCRIBE {TABLE | VIEW | INTEGRATION | STORAGE INTEGRATION | USER} name."""
    tokens = context.tokens
    if tokens.accept("STORAGE", "INTEGRATION") or tokens.accept("INTEGRATION"):
        return _describe_integration(context, tokens.identifier())
    if tokens.accept("USER"):
        return _describe_user(context, tokens.identifier())
    kind = tokens.one_of("TABLE", "VIEW", "STAGE")
    if kind == "STAGE":
        raise unsupported("DESCRIBE STAGE")
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
            "N", None, None, column.comment, str(column.masking_policy) if column.masking_policy else None, None,
        )
        for column in relation.columns
    ]  # fmt: skip
    return typed_rows([(name, _TEXT) for name in _DESCRIBED], rows, statement_type.DESCRIBE)


def _describe_integration(context: Context, name: str) -> Result:
    integration = context.account.integration(name)
    rows = [
        ("ENABLED", "Boolean", str(integration.enabled).lower(), "false"),
        ("STORAGE_PROVIDER", "String", "S3", ""),
        ("STORAGE_ALLOWED_LOCATIONS", "List", ",".join(integration.allowed_locations), "[]"),
        ("STORAGE_BLOCKED_LOCATIONS", "List", ",".join(integration.blocked_locations), "[]"),
        ("STORAGE_AWS_IAM_USER_ARN", "String", "arn:aws:iam::000000000000:user/emulated", ""),
        ("STORAGE_AWS_ROLE_ARN", "String", integration.role_arn, ""),
        ("STORAGE_AWS_EXTERNAL_ID", "String", "EMULATED_SFCRole=1", ""),
        ("COMMENT", "String", integration.comment, ""),
    ]
    columns = _columns("property property_type property_value property_default")
    return typed_rows(columns, rows, statement_type.DESCRIBE)


def _describe_user(context: Context, name: str) -> Result:
    user = context.account.user(name)
    values = {
        "NAME": user.name, "LOGIN_NAME": user.login_name, "DEFAULT_ROLE": user.default_role,
        "DEFAULT_WAREHOUSE": user.default_warehouse, "TYPE": user.type, "RSA_PUBLIC_KEY": user.public_keys.get(1),
        "RSA_PUBLIC_KEY_FP": fingerprint(user.public_keys[1]) if 1 in user.public_keys else None,
        "RSA_PUBLIC_KEY_2": user.public_keys.get(2),
        "RSA_PUBLIC_KEY_2_FP": fingerprint(user.public_keys[2]) if 2 in user.public_keys else None,
    }  # fmt: skip
    rows = [(key, "null" if value is None else value, "null", "") for key, value in values.items()]
    return typed_rows(_columns("property value default description"), rows, statement_type.DESCRIBE)
