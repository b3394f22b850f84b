"""Masking policies and tags: CREATE, DROP, and SET MASKING POLICY on a column."""

from __future__ import annotations

from local.snowflake.emulator.catalog import Column, Relation
from local.snowflake.emulator.context import Context
from local.snowflake.emulator.errors import SnowflakeError, already_exists, no_such_object
from local.snowflake.emulator.policies import MaskingPolicy
from local.snowflake.emulator.results import Result, status
from local.snowflake.emulator.tokens import Tokens


def create_masking_policy(context: Context, *, replace: bool) -> Result:
    """CREATE MASKING POLICY name AS (argument type) RETURNS type -> body."""
    tokens = context.tokens
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = context.session.resolve(tokens.name(), "CREATE MASKING POLICY")
    context.require_create("MASKING POLICY", name.database, name.schema)
    tokens.expect("AS", "(")
    argument, type_ = tokens.identifier(), tokens.identifier()
    tokens.expect(")", "RETURNS")
    if (returned := tokens.identifier()) != type_:
        raise SnowflakeError(
            2, "42601", f"SQL compilation error:\nmasking policy returns {returned}, but its argument is {type_}"
        )
    tokens.expect("->")
    body = tokens.rest()
    if name in context.account.policies:
        if if_missing:
            return status(f"{name.name} already exists, statement succeeded.")
        if not replace:
            raise already_exists(str(name))
    context.account.policies[name] = MaskingPolicy(name, context.role, argument, type_, body)
    return status(f"Masking policy {name.name} successfully created.")


def drop_masking_policy(context: Context, *, if_exists: bool) -> Result:
    name = context.session.resolve(context.tokens.name(), "DROP MASKING POLICY")
    if name not in context.account.policies:
        if if_exists:
            return status("Drop statement executed successfully.")
        raise no_such_object("Masking policy", str(name))
    for relation in context.account.catalog.relations():
        if any(column.masking_policy == name for column in relation.columns):
            raise SnowflakeError(
                1506,
                "42601",
                f"Policy {name.name} cannot be dropped/replaced as it is associated with one or more entities.",
            )
    del context.account.policies[name]
    return status(f"{name.name} successfully dropped.")


def create_tag(context: Context, *, replace: bool) -> Result:
    tokens = context.tokens
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = context.session.resolve(tokens.name(), "CREATE TAG")
    context.require_create("TAG", name.database, name.schema)
    comment = ""
    if tokens.accept("COMMENT"):
        tokens.expect("=")
        comment = tokens.text()
    tokens.end()
    if name in context.account.tags and not replace and not if_missing:
        raise already_exists(str(name))
    context.account.tags[name] = comment
    return status(f"Tag {name.name} successfully created.")


def set_column_policy(context: Context, tokens: Tokens, relation: Relation, column: Column) -> None:
    """After SET or UNSET MASKING POLICY: the policy's name, or nothing."""
    if tokens.done or tokens.word() == ",":
        column.masking_policy = None
        return
    name = context.session.resolve(tokens.name(), "SET MASKING POLICY")
    policy = context.account.policies.get(name)
    if policy is None:
        raise no_such_object("Masking policy", str(name))
    forced = tokens.accept("FORCE")
    if column.masking_policy is not None and column.masking_policy != name and not forced:
        raise SnowflakeError(
            2,
            "42601",
            "SQL compilation error:\nSpecified column already attached to another masking policy "
            f"{column.masking_policy}.",
        )
    column.masking_policy = name
