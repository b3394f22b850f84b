"""GRANT and REVOKE: privileges, ownership and roles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from local.snowflake.emulator.catalog import ObjectName
from local.snowflake.emulator.context import Context
from local.snowflake.emulator.errors import SnowflakeError, insufficient_privileges, no_such_object, syntax_error
from local.snowflake.emulator.privileges import PRIVILEGES, Grant
from local.snowflake.emulator.results import Result, status
from local.snowflake.emulator.tokens import Tokens

DONE = "Statement executed successfully."
_PLURALS = {
    "TABLES": "TABLE", "VIEWS": "VIEW", "SCHEMAS": "SCHEMA", "STAGES": "STAGE", "FILE FORMATS": "FILE FORMAT",
    "SEQUENCES": "SEQUENCE", "PIPES": "PIPE", "FUNCTIONS": "FUNCTION", "DYNAMIC TABLES": "TABLE",
    "MATERIALIZED VIEWS": "VIEW", "EXTERNAL TABLES": "TABLE",
}  # fmt: skip
_KINDS = (
    "DATABASE", "SCHEMA", "TABLE", "VIEW", "WAREHOUSE", "STAGE", "FILE FORMAT", "INTEGRATION", "SEQUENCE", "PIPE",
    "FUNCTION", "MASKING POLICY", "TAG", "RESOURCE MONITOR", "ROLE", "USER",
)  # fmt: skip


@dataclass(frozen=True)
class _Target:
    """What a GRANT is on: objects that are there, or (`future`) those to come in a database or schema."""

    kind: str
    names: tuple[str, ...]
    future: bool = False
    scope: str | None = None


def grant(context: Context) -> Result:
    tokens = context.tokens
    if tokens.accept("ROLE") or tokens.accept("DATABASE", "ROLE"):
        return _roles(context, giving=True)
    privileges = _privileges(tokens)
    target = _target(context, privileges)
    tokens.expect("TO")
    tokens.accept("ROLE")
    role = tokens.identifier()
    with_option = tokens.accept("WITH", "GRANT", "OPTION")
    if privileges == ["OWNERSHIP"]:
        tokens.accept("COPY", "CURRENT", "GRANTS") or tokens.accept("REVOKE", "CURRENT", "GRANTS")
    tokens.end()
    context.account.role(role)
    _check_may_grant(context, target)
    for privilege in _expanded(privileges, target.kind):
        for name in target.names:
            if privilege == "OWNERSHIP" and not target.future:
                _give_ownership(context, target.kind, name, role)
            context.account.grants.add(Grant(privilege, target.kind, name, role, target.future, with_option))
    return status(DONE)


def revoke(context: Context) -> Result:
    tokens = context.tokens
    if tokens.accept("ROLE"):
        return _roles(context, giving=False)
    tokens.accept("GRANT", "OPTION", "FOR")
    privileges = _privileges(tokens)
    target = _target(context, privileges)
    tokens.expect("FROM")
    tokens.accept("ROLE")
    role = tokens.identifier()
    tokens.accept("RESTRICT") or tokens.accept("CASCADE")
    tokens.end()
    context.account.role(role)
    _check_may_grant(context, target)
    for privilege in _expanded(privileges, target.kind):
        for name in target.names:
            context.account.grants.remove(Grant(privilege, target.kind, name, role, target.future))
    return status(DONE)


def _roles(context: Context, *, giving: bool) -> Result:
    tokens, grants = context.tokens, context.account.grants
    name = tokens.identifier()
    context.account.role(name)
    tokens.expect("TO" if giving else "FROM")
    kind = tokens.one_of("ROLE", "USER")
    holder = tokens.identifier()
    tokens.end()
    if kind == "ROLE":
        context.account.role(holder)
        grants.grant_role(name, to_role=holder) if giving else grants.revoke_role(name, from_role=holder)
    else:
        context.account.user(holder)
        grants.grant_role(name, to_user=holder) if giving else grants.revoke_role(name, from_user=holder)
    return status(DONE)


def _privileges(tokens: Tokens) -> list[str]:
    """The words up to ON, split at commas."""
    found, words = [], []
    while not tokens.accept("ON"):
        if tokens.done:
            raise tokens.unexpected("expected ON")
        if tokens.accept(","):
            found.append(" ".join(words))
            words = []
        else:
            words.append(tokens.value())
    return [*found, " ".join(words)]


def _expanded(privileges: list[str], kind: str) -> list[str]:
    if privileges in (["ALL"], ["ALL PRIVILEGES"]):
        return sorted(PRIVILEGES[kind] - {"OWNERSHIP"})
    return privileges


def _target(context: Context, privileges: list[str]) -> _Target:
    tokens = context.tokens
    if tokens.accept("ACCOUNT"):
        target = _Target("ACCOUNT", ("EMULATED",))
    elif tokens.accept("FUTURE") or (every := tokens.accept("ALL")):
        future = not locals().get("every", False)
        kind = _PLURALS[tokens.one_of(*_PLURALS)]
        tokens.expect("IN")
        scope_kind = tokens.one_of("SCHEMA", "DATABASE")
        scope = _scope(context, scope_kind, tokens.name())
        names = (scope,) if future else tuple(_existing(context, kind, scope))
        target = _Target(kind, names, future, scope)
    else:
        kind = tokens.one_of(*_KINDS)
        target = _Target(kind, (_object(context, kind, tokens.name()),))
    for privilege in _expanded(privileges, target.kind):
        if privilege not in PRIVILEGES[target.kind]:
            raise syntax_error(f"'{privilege}' is no privilege on {target.kind}")
    return target


def _scope(context: Context, kind: str, parts: tuple[str, ...]) -> str:
    if kind == "DATABASE":
        return context.account.catalog.database(parts[0]).name
    database, schema = context.session.resolve_schema(parts, "GRANT")
    context.account.catalog.schema(database, schema)
    return f"{database}.{schema}"


def _existing(context: Context, kind: str, scope: str) -> Iterator[str]:
    database, _, schema = scope.partition(".")
    account = context.account
    if kind == "SCHEMA":
        yield from (f"{database}.{name}" for name in account.catalog.database(database).schemas)
    elif kind in ("TABLE", "VIEW"):
        for relation in account.catalog.relations(database, schema or None):
            if relation.kind == kind:
                yield str(relation.name)
    else:
        found = {"STAGE": account.stages, "FILE FORMAT": account.file_formats}.get(kind, {})
        for name in list(found):
            if name.database == database and schema in ("", name.schema):
                yield str(name)


def _object(context: Context, kind: str, parts: tuple[str, ...]) -> str:
    """The full name of an object that is there."""
    account = context.account
    if kind == "DATABASE":
        return account.catalog.database(parts[0]).name
    if kind == "SCHEMA":
        return _scope(context, kind, parts)
    if kind in ("TABLE", "VIEW"):
        relation = account.catalog.relation(context.session.resolve(parts, "GRANT"), kind.capitalize())
        if relation.kind != kind and kind == "VIEW":
            raise no_such_object("View", str(relation.name))
        return str(relation.name)
    if kind in ("STAGE", "FILE FORMAT", "MASKING POLICY", "TAG"):
        name = context.session.resolve(parts, "GRANT")
        known = {"STAGE": account.stages, "FILE FORMAT": account.file_formats, "MASKING POLICY": account.policies,
                 "TAG": account.tags}[kind]  # fmt: skip
        if name not in known:
            raise no_such_object(kind.capitalize(), str(name))
        return str(name)
    known_here = {"WAREHOUSE": account.warehouses, "INTEGRATION": account.integrations, "ROLE": account.roles,
                  "USER": account.users, "RESOURCE MONITOR": account.monitors}.get(kind, {})  # fmt: skip
    if parts[0] not in known_here:
        raise no_such_object(kind.capitalize(), parts[0])
    return parts[0]


def _check_may_grant(context: Context, target: _Target) -> None:
    """With managed access, only the schema's owner and SECURITYADMIN grant; elsewhere the object's owner does."""
    actor = context.actor
    if actor.all_powerful or "SECURITYADMIN" in actor.roles:
        return
    for name in target.names:
        database, _, rest = name.partition(".")
        schema = rest.partition(".")[0]
        if not schema or database not in context.account.catalog.databases:
            continue
        found = context.account.catalog.schema(database, schema)
        owner = found.owner
        if not found.managed and target.kind in ("TABLE", "VIEW") and not target.future:
            relation = _relation(context, name)
            owner = relation or owner
        if owner not in actor.roles:
            raise insufficient_privileges(target.kind, name.rpartition(".")[2])


def _relation(context: Context, name: str) -> str | None:
    parts = Tokens(name).name()
    found = context.account.catalog.find(ObjectName(*parts)) if len(parts) == 3 else None
    return found.owner if found else None


def _give_ownership(context: Context, kind: str, name: str, role: str) -> None:
    account = context.account
    parts = Tokens(name).name()
    for old in [grant for grant in account.grants.on(kind, name) if grant.privilege == "OWNERSHIP"]:
        account.grants.remove(old)
    if kind == "DATABASE":
        account.catalog.database(parts[0]).owner = role
    elif kind == "SCHEMA":
        account.catalog.schema(parts[0], parts[1]).owner = role
    elif kind in ("TABLE", "VIEW"):
        account.catalog.relation(ObjectName(*parts)).owner = role
    elif kind == "STAGE":
        account.stage(ObjectName(*parts)).owner = role
    elif kind == "FILE FORMAT":
        account.file_format(ObjectName(*parts)).owner = role
    elif kind == "WAREHOUSE":
        account.warehouse(parts[0]).owner = role
    elif kind == "INTEGRATION":
        account.integration(parts[0]).owner = role
    elif kind == "ROLE":
        account.role(parts[0]).owner = role
    else:
        raise SnowflakeError(2, "0A000", f"GRANT OWNERSHIP ON {kind} is not emulated.")
