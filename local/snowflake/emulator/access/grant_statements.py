"""GRANT and REVOKE of privileges, and GRANT ROLE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.privileges import PRIVILEGES, Grant
from local.snowflake.emulator.errors import insufficient_privileges, no_such_object, syntax_error, unsupported
from local.snowflake.emulator.sql.relations import ObjectName
from local.snowflake.emulator.sql.results import Result, status
from local.snowflake.emulator.sql.tokens import Tokens

DONE = "Statement executed successfully."
_PLURALS = {"TABLES": "TABLE", "VIEWS": "VIEW"}
_KINDS = ("DATABASE", "SCHEMA", "TABLE", "VIEW", "WAREHOUSE", "STAGE", "FILE FORMAT", "INTEGRATION")


@dataclass(frozen=True)
class _Target:
    """The target of a GRANT: existing objects, or (`future`) the later objects of a schema."""

    kind: str
    names: tuple[str, ...]
    future: bool = False


def grant(context: Context) -> Result:
    tokens = context.tokens
    if tokens.accept("ROLE"):
        return _grant_role(context)
    privileges = _privileges(tokens)
    target = _target(context, privileges)
    tokens.expect("TO")
    tokens.accept("ROLE")
    role = tokens.identifier()
    with_option = tokens.accept("WITH", "GRANT", "OPTION")
    tokens.end()
    context.account.role(role)
    _check_may_grant(context, target)
    for privilege in privileges:
        for name in target.names:
            context.account.grants.add(Grant(privilege, target.kind, name, role, target.future, with_option))
    return status(DONE)


def revoke(context: Context) -> Result:
    tokens = context.tokens
    if tokens.accept("ROLE"):
        return _revoke_role(context)
    if tokens.accept("GRANT", "OPTION", "FOR"):
        raise unsupported("REVOKE of the grant option")
    privileges = _privileges(tokens)
    target = _target(context, privileges)
    tokens.expect("FROM")
    tokens.accept("ROLE")
    role = tokens.identifier()
    tokens.accept("RESTRICT") or tokens.accept("CASCADE")
    tokens.end()
    context.account.role(role)
    _check_may_grant(context, target)
    for privilege in privileges:
        for name in target.names:
            context.account.grants.remove(Grant(privilege, target.kind, name, role, target.future))
    return status(DONE)


def _grant_role(context: Context) -> Result:
    tokens, grants = context.tokens, context.account.grants
    name = tokens.identifier()
    context.account.role(name)
    tokens.expect("TO")
    kind = tokens.one_of("ROLE", "USER")
    holder = tokens.identifier()
    tokens.end()
    if kind == "ROLE":
        context.account.role(holder)
        grants.grant_role(name, to_role=holder)
    else:
        context.account.user(holder)
        grants.grant_role(name, to_user=holder)
    return status(DONE)


def _revoke_role(context: Context) -> Result:
    tokens, grants = context.tokens, context.account.grants
    name = tokens.identifier()
    context.account.role(name)
    tokens.expect("FROM")
    kind = tokens.one_of("ROLE", "USER")
    holder = tokens.identifier()
    tokens.end()
    grants.revoke_role(name, **{f"from_{kind.lower()}": holder})
    return status(DONE)


def _privileges(tokens: Tokens) -> list[str]:
    """Return the words up to ON, split at commas."""
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


def _target(context: Context, privileges: list[str]) -> _Target:
    tokens = context.tokens
    if "OWNERSHIP" in privileges:
        raise unsupported("GRANT OWNERSHIP")
    future = tokens.accept("FUTURE")
    if future or tokens.accept("ALL"):
        kind = _PLURALS[tokens.emulated("GRANT ON ALL or FUTURE", *_PLURALS)]
        tokens.expect("IN")
        tokens.emulated(f"GRANT ON {kind}S IN", "SCHEMA")
        scope = _schema(context, tokens.name())
        names = (scope,) if future else tuple(_existing(context, kind, scope))
        target = _Target(kind, names, future)
    else:
        kind = tokens.emulated("GRANT ON", *_KINDS)
        target = _Target(kind, (_object(context, kind, tokens.name()),))
    for privilege in privileges:
        if privilege not in PRIVILEGES[target.kind]:
            raise syntax_error(f"'{privilege}' is no privilege on {target.kind}")
    return target


def _schema(context: Context, parts: tuple[str, ...]) -> str:
    database, schema = context.session.resolve_schema(parts, "GRANT")
    context.account.catalog.schema(database, schema)
    return f"{database}.{schema}"


def _existing(context: Context, kind: str, scope: str) -> Iterator[str]:
    database, _, schema = scope.partition(".")
    for relation in context.account.catalog.relations(database, schema):
        if relation.kind == kind:
            yield str(relation.name)


def _object(context: Context, kind: str, parts: tuple[str, ...]) -> str:
    """Return the full name of an object that is there."""
    account = context.account
    if kind == "DATABASE":
        return account.catalog.database(parts[0]).name
    if kind == "SCHEMA":
        return _schema(context, parts)
    if kind == "WAREHOUSE":
        return account.warehouse(parts[0]).name
    if kind == "INTEGRATION":
        return account.integration(parts[0]).name
    name = context.session.resolve(parts, "GRANT")
    if kind == "STAGE":
        return str(account.stage(name).name)
    if kind == "FILE FORMAT":
        return str(account.file_format(name).name)
    relation = account.catalog.relation(name, kind.capitalize())
    if relation.kind != kind and kind == "VIEW":
        raise no_such_object("View", str(relation.name))
    return str(relation.name)


def _check_may_grant(context: Context, target: _Target) -> None:
    """Check the right to grant: with managed access the schema's owner and SECURITYADMIN have it, else the object's
    owner.
    """
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
