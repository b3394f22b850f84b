"""SHOW GRANTS and SHOW FUTURE GRANTS."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fakesnow import statement_type

from local.snowflake.emulator.context import Context
from local.snowflake.emulator.privileges import Grant
from local.snowflake.emulator.results import Result, named_columns, typed_rows

_GRANTS = named_columns("created_on:t privilege granted_on name granted_to grantee_name grant_option granted_by")
_GRANTABLE = ("TABLE", "VIEW", "SCHEMA", "DATABASE", "WAREHOUSE", "STAGE", "INTEGRATION", "FILE FORMAT")
_ROLE_GRANTS = named_columns("created_on:t role granted_to grantee_name granted_by")
_FUTURE_GRANTS = named_columns("created_on:t privilege grant_on name grant_to grantee_name grant_option")


def show_grants(context: Context, *, future: bool) -> Result:
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
