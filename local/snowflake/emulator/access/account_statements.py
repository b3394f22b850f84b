"""Roles, users, warehouses and storage integrations: CREATE, and DROP USER."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.snowflake.emulator.access.keys import check_public_key
from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.objects import Role, StorageIntegration, User, Warehouse
from local.snowflake.emulator.errors import (
    already_exists,
    invalid_parameter,
    invalid_property,
    no_such_object,
    unsupported,
)
from local.snowflake.emulator.sql.results import Result, status
from local.snowflake.emulator.sql.tokens import Tokens, texts

_SIZES = ("X-SMALL", "XSMALL", "SMALL", "MEDIUM", "LARGE", "X-LARGE", "XLARGE", "XXLARGE", "X2LARGE", "2X-LARGE")


def _exists(context: Context, objects: dict[str, Any], name: str, *, replace: bool, if_missing: bool) -> Result | None:
    if name not in objects or replace:
        return None
    if if_missing:
        return status(f"{name} already exists, statement succeeded.")
    raise already_exists(name)


def create_role(context: Context, *, replace: bool) -> Result:
    tokens = context.tokens
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.identifier()
    role = Role(name, context.role)
    _assign(tokens, role, {"COMMENT": _text("comment")})
    if done := _exists(context, context.account.roles, name, replace=replace, if_missing=if_missing):
        return done
    context.account.roles[name] = role
    return status(f"Role {name} successfully created.")


def create_user(context: Context, *, replace: bool) -> Result:
    tokens = context.tokens
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.identifier()
    user = User(name, name, display_name=name)
    _assign(tokens, user, _USER)
    if done := _exists(context, context.account.users, name, replace=replace, if_missing=if_missing):
        return done
    context.account.users[name] = user
    return status(f"User {name} successfully created.")


def create_warehouse(context: Context, *, replace: bool) -> Result:
    tokens = context.tokens
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.identifier()
    context.actor.require("CREATE WAREHOUSE", "ACCOUNT", "EMULATED")
    warehouse = Warehouse(name, context.role)
    tokens.accept("WITH")
    _assign(tokens, warehouse, _WAREHOUSE)
    if done := _exists(context, context.account.warehouses, name, replace=replace, if_missing=if_missing):
        return done
    context.account.warehouses[name] = warehouse
    context.session.warehouse = name
    return status(f"Warehouse {name} successfully created.")


def create_integration(context: Context, *, replace: bool) -> Result:
    """CREATE STORAGE INTEGRATION for S3."""
    tokens = context.tokens
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.identifier()
    context.actor.require("CREATE INTEGRATION", "ACCOUNT", "EMULATED")
    integration = StorageIntegration(name, context.role, "", ())
    _assign(tokens, integration, _INTEGRATION)
    if not integration.role_arn:
        raise invalid_parameter("STORAGE_AWS_ROLE_ARN")
    if not integration.allowed_locations:
        raise invalid_parameter("STORAGE_ALLOWED_LOCATIONS")
    if done := _exists(context, context.account.integrations, name, replace=replace, if_missing=if_missing):
        return done
    context.account.integrations[name] = integration
    return status(f"Integration {name} successfully created.")


def drop_user(context: Context, *, if_exists: bool) -> Result:
    name = context.tokens.identifier()
    context.tokens.end()
    if name not in context.account.users:
        if if_exists:
            return status("Drop statement executed successfully.")
        raise no_such_object("User", name)
    del context.account.users[name]
    return status(f"{name} successfully dropped.")


Setter = Callable[[Tokens, Any], None]


def _assign(tokens: Tokens, target: Any, options: dict[str, Setter]) -> None:
    """`OPTION = value ...` to the end. Raises SnowflakeError for an option that is not known."""
    while not tokens.done:
        tokens.accept(",")
        name = tokens.identifier()
        setter = options.get(name)
        if setter is None:
            raise invalid_parameter(name)
        tokens.expect("=")
        setter(tokens, target)


def _text(field: str) -> Setter:
    return lambda tokens, target: setattr(target, field, tokens.value())


def _name(field: str) -> Setter:
    def assign(tokens: Tokens, target: Any) -> None:
        setattr(target, field, Tokens(tokens.text()).identifier() if tokens.at_text() else tokens.identifier())

    return assign


def _number(field: str) -> Setter:
    return lambda tokens, target: setattr(target, field, tokens.number())


def _flag(field: str) -> Setter:
    def assign(tokens: Tokens, target: Any) -> None:
        if (value := tokens.value().upper()) not in ("TRUE", "FALSE"):
            raise invalid_property(value, field.upper())
        setattr(target, field, value == "TRUE")

    return assign


def _choice(field: str | None, *allowed: str) -> Setter:
    def assign(tokens: Tokens, target: Any) -> None:
        if (value := tokens.value().upper()) not in allowed:
            raise invalid_property(value, field or allowed[0])
        if field is not None:
            setattr(target, field, value)

    return assign


def _key(slot: int) -> Setter:
    def assign(tokens: Tokens, target: Any) -> None:
        target.public_keys[slot] = check_public_key(tokens.text())

    return assign


def _ignored(tokens: Tokens, _: Any) -> None:
    if tokens.accept("("):
        while not tokens.accept(")"):
            tokens.accept(",") or tokens.value()
    else:
        tokens.value()


def _not_emulated(what: str) -> Setter:
    def refuse(_: Tokens, __: Any) -> None:
        raise unsupported(what)

    return refuse


def _initially_suspended(tokens: Tokens, target: Warehouse) -> None:
    target.suspended = tokens.value().upper() == "TRUE"


def _auto_suspend(tokens: Tokens, target: Warehouse) -> None:
    target.auto_suspend = 0 if tokens.accept("NULL") else tokens.number()


def _size(tokens: Tokens, target: Warehouse) -> None:
    value = tokens.value().upper()
    if value not in _SIZES:
        raise invalid_property(value, "WAREHOUSE_SIZE")
    target.size = {"XSMALL": "X-SMALL", "XLARGE": "X-LARGE"}.get(value, value)


def _locations(field: str) -> Setter:
    def assign(tokens: Tokens, target: StorageIntegration) -> None:
        found = tuple(texts(tokens))
        for location in found:
            if location != "*" and not location.startswith(("s3://", "s3gov://")):
                raise invalid_property(location, field.upper())
        setattr(target, field, found)

    return assign


_USER: dict[str, Setter] = {
    "PASSWORD": _text("password"), "LOGIN_NAME": _name("login_name"), "DISPLAY_NAME": _text("display_name"),
    "EMAIL": _text("email"), "COMMENT": _text("comment"),
    "TYPE": _choice("type", "PERSON", "SERVICE", "LEGACY_SERVICE"),
    "DEFAULT_ROLE": _name("default_role"), "DEFAULT_WAREHOUSE": _name("default_warehouse"),
    "DEFAULT_NAMESPACE": _text("default_namespace"), "DEFAULT_SECONDARY_ROLES": _ignored,
    "MUST_CHANGE_PASSWORD": _ignored, "DISABLED": _flag("disabled"), "RSA_PUBLIC_KEY": _key(1),
    "RSA_PUBLIC_KEY_2": _key(2), "NETWORK_POLICY": _ignored,
}  # fmt: skip
_WAREHOUSE: dict[str, Setter] = {
    "WAREHOUSE_SIZE": _size, "WAREHOUSE_TYPE": _choice(None, "STANDARD"), "AUTO_SUSPEND": _auto_suspend,
    "AUTO_RESUME": _flag("auto_resume"), "INITIALLY_SUSPENDED": _initially_suspended,
    "RESOURCE_MONITOR": _not_emulated("resource monitors"), "COMMENT": _text("comment"), "MIN_CLUSTER_COUNT": _ignored,
    "MAX_CLUSTER_COUNT": _ignored, "SCALING_POLICY": _choice(None, "STANDARD", "ECONOMY"),
    "ENABLE_QUERY_ACCELERATION": _choice(None, "TRUE", "FALSE"), "MAX_CONCURRENCY_LEVEL": _ignored,
    "STATEMENT_TIMEOUT_IN_SECONDS": _number("statement_timeout_seconds"),
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": _ignored,
}  # fmt: skip
_INTEGRATION: dict[str, Setter] = {
    "TYPE": _choice(None, "EXTERNAL_STAGE"), "STORAGE_PROVIDER": _choice(None, "S3"), "ENABLED": _flag("enabled"),
    "STORAGE_AWS_ROLE_ARN": _text("role_arn"), "STORAGE_ALLOWED_LOCATIONS": _locations("allowed_locations"),
    "STORAGE_BLOCKED_LOCATIONS": _locations("blocked_locations"), "COMMENT": _text("comment"),
    "STORAGE_AWS_EXTERNAL_ID": _ignored,
}  # fmt: skip
