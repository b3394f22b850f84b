"""Roles, users, warehouses, resource monitors and storage integrations: CREATE, ALTER of some, and DROP USER."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.snowflake.emulator.access.keys import check_public_key
from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.doubts import PARAMETER as DOUBTS
from local.snowflake.emulator.account.doubts import Doubt
from local.snowflake.emulator.account.objects import ResourceMonitor, Role, StorageIntegration, User, Warehouse
from local.snowflake.emulator.errors import (
    SnowflakeError,
    already_exists,
    invalid_parameter,
    invalid_property,
    no_such_object,
    unsupported,
)
from local.snowflake.emulator.sql.results import Result, status
from local.snowflake.emulator.sql.tokens import Tokens, texts

_SIZES = {
    "X-SMALL": "X-Small", "XSMALL": "X-Small", "SMALL": "Small", "MEDIUM": "Medium", "LARGE": "Large",
    "X-LARGE": "X-Large", "XLARGE": "X-Large", "XXLARGE": "2X-Large", "X2LARGE": "2X-Large", "2X-LARGE": "2X-Large",
}  # fmt: skip
"""Sizes as they are written, and as SHOW WAREHOUSES prints them."""
DONE = "Statement executed successfully."


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
    role = Role(name)
    _assign(tokens, role, {})
    if done := _exists(context, context.account.roles, name, replace=replace, if_missing=if_missing):
        return done
    context.account.roles[name] = role
    return status(f"Role {name} successfully created.")


def create_user(context: Context, *, replace: bool) -> Result:
    tokens = context.tokens
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.identifier()
    user = User(name)
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
    _check_monitor(context, warehouse)
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
    _check_cloud(integration)
    if done := _exists(context, context.account.integrations, name, replace=replace, if_missing=if_missing):
        return done
    context.account.integrations[name] = integration
    return status(f"Integration {name} successfully created.")


def _check_cloud(integration: StorageIntegration) -> None:
    """Check that role, provider and locations belong to one AWS partition. Snowflake has a provider name for each."""
    partition, scheme = _CLOUDS[integration.provider]
    if not integration.role_arn.startswith(f"arn:{partition}:"):
        raise invalid_property(integration.role_arn, "STORAGE_AWS_ROLE_ARN")
    for location in (*integration.allowed_locations, *integration.blocked_locations):
        if location != "*" and not location.startswith(scheme):
            raise invalid_property(location, "STORAGE_ALLOWED_LOCATIONS")


_CLOUDS = {"S3": ("aws", "s3://"), "S3CHINA": ("aws-cn", "s3china://"), "S3GOV": ("aws-us-gov", "s3gov://")}


def create_monitor(context: Context, *, replace: bool) -> Result:
    """CREATE RESOURCE MONITOR. The monitor counts nothing here."""
    tokens = context.tokens
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.identifier()
    monitor = ResourceMonitor(name, context.role)
    tokens.accept("WITH")
    _assign(tokens, monitor, _MONITOR)
    if done := _exists(context, context.account.monitors, name, replace=replace, if_missing=if_missing):
        return done
    context.account.monitors[name] = monitor
    return status(f"Resource monitor {name} successfully created.")


def alter_user(context: Context) -> Result:
    """ALTER USER name SET options. They apply to later sessions."""
    name = context.tokens.identifier()
    context.tokens.emulated("ALTER USER", "SET")
    _assign(context.tokens, context.account.user(name), _USER)
    return status(DONE)


def alter_warehouse(context: Context) -> Result:
    """ALTER WAREHOUSE name SET options, or SUSPEND."""
    name = context.tokens.identifier()
    wanted = context.tokens.emulated("ALTER WAREHOUSE", "SET", "SUSPEND")
    warehouse = context.account.warehouse(name)
    if wanted == "SUSPEND":
        context.tokens.end()
        context.actor.require("OPERATE", "WAREHOUSE", name, owner=warehouse.owner)
        if warehouse.suspended:
            raise SnowflakeError(90064, "22000", f"Invalid state. Warehouse '{name}' cannot be suspended.")
        warehouse.suspended = True
        return status(DONE)
    context.actor.require("MODIFY", "WAREHOUSE", name, owner=warehouse.owner)
    _assign(context.tokens, warehouse, _WAREHOUSE)
    _check_monitor(context, warehouse)
    return status(DONE)


def alter_integration(context: Context) -> Result:
    """ALTER STORAGE INTEGRATION name SET options."""
    name = context.tokens.identifier()
    integration = context.account.integration(name)
    context.actor.require("OWNERSHIP", "INTEGRATION", name, owner=integration.owner)
    context.tokens.emulated("ALTER STORAGE INTEGRATION", "SET")
    _assign(context.tokens, integration, _INTEGRATION)
    _check_cloud(integration)
    return status(DONE)


def alter_account(context: Context) -> Result:
    """ALTER ACCOUNT SET EMULATED_DOUBTS = 'NAME ...'."""
    context.tokens.emulated("ALTER ACCOUNT", f"SET {DOUBTS}")
    context.tokens.expect("=")
    doubts = context.account.doubts
    doubts.set(context.tokens.text())
    context.account.loads.keeps_rolled_back = Doubt.HISTORY_KEEPS_ROLLED_BACK in doubts
    context.tokens.end()
    return status(DONE)


def _check_monitor(context: Context, warehouse: Warehouse) -> None:
    if warehouse.monitor is not None:
        context.account.monitor(warehouse.monitor)


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
    """Parse `OPTION = value ...` to the end, and set the options on `target`.

    Raises SnowflakeError for an unknown option, or one that is not emulated.
    """
    while not tokens.done:
        tokens.accept(",")
        name = tokens.identifier()
        setter = options.get(name)
        if setter is None:
            raise unsupported(f"the option {name}") if name in _NOT_EMULATED else invalid_parameter(name)
        tokens.expect("=")
        setter(tokens, target)


def _text(field: str) -> Setter:
    return lambda tokens, target: setattr(target, field, tokens.value())


def _name(field: str) -> Setter:
    def assign(tokens: Tokens, target: Any) -> None:
        setattr(target, field, Tokens(tokens.text()).identifier() if tokens.at_text() else tokens.identifier())

    return assign


def _flag(field: str) -> Setter:
    def assign(tokens: Tokens, target: Any) -> None:
        if (value := tokens.value().upper()) not in ("TRUE", "FALSE"):
            raise invalid_property(value, field.upper())
        setattr(target, field, value == "TRUE")

    return assign


def _number(field: str) -> Setter:
    return lambda tokens, target: setattr(target, field, tokens.number())


def _size(tokens: Tokens, target: Warehouse) -> None:
    size = tokens.value().upper()
    if size not in _SIZES:
        raise invalid_property(size, "WAREHOUSE_SIZE")
    target.size = _SIZES[size]


def _monitor(tokens: Tokens, target: Warehouse) -> None:
    name = tokens.identifier()
    target.monitor = None if name == "NULL" else name


def _secondary_roles(tokens: Tokens, target: User) -> None:
    """Parse `('ALL')` or `()`."""
    roles = [role.upper() for role in texts(tokens)]
    if roles not in ([], ["ALL"]):
        raise invalid_property(", ".join(roles), "DEFAULT_SECONDARY_ROLES")
    target.secondary_roles = bool(roles)


def _parameter(name: str) -> Setter:
    """Return the setter of a user's session parameter."""

    def assign(tokens: Tokens, target: User) -> None:
        target.parameters[name] = tokens.value()

    return assign


def _choice(name: str, *allowed: str) -> Setter:
    """Return the setter of an option with a few allowed words, which has no effect here."""

    def check(tokens: Tokens, _: Any) -> None:
        if (value := tokens.value().upper()) not in allowed:
            raise invalid_property(value, name)

    return check


def _one_of(field: str, *allowed: str) -> Setter:
    """Return the setter of an option with a few allowed words, which stores the word in `field`."""

    def assign(tokens: Tokens, target: Any) -> None:
        if (value := tokens.value().upper()) not in allowed:
            raise invalid_property(value, field.upper())
        setattr(target, field, value)

    return assign


def _key(slot: int) -> Setter:
    def assign(tokens: Tokens, target: Any) -> None:
        target.public_keys[slot] = check_public_key(tokens.text())

    return assign


def _locations(field: str) -> Setter:
    def assign(tokens: Tokens, target: StorageIntegration) -> None:
        found = tuple(texts(tokens))
        setattr(target, field, found)

    return assign


_USER: dict[str, Setter] = {
    "TYPE": _choice("TYPE", "PERSON", "SERVICE", "LEGACY_SERVICE"), "DEFAULT_ROLE": _name("default_role"),
    "DEFAULT_SECONDARY_ROLES": _secondary_roles, "TIMEZONE": _parameter("TIMEZONE"),
    "TIMESTAMP_TYPE_MAPPING": _parameter("TIMESTAMP_TYPE_MAPPING"),
    "TIMESTAMP_INPUT_FORMAT": _parameter("TIMESTAMP_INPUT_FORMAT"),
    "DISABLED": _flag("disabled"), "RSA_PUBLIC_KEY": _key(1), "RSA_PUBLIC_KEY_2": _key(2),
}  # fmt: skip
_WAREHOUSE: dict[str, Setter] = {
    "WAREHOUSE_SIZE": _size, "AUTO_SUSPEND": _number("auto_suspend"), "GENERATION": _text("generation"),
    "AUTO_RESUME": _flag("auto_resume"), "INITIALLY_SUSPENDED": _flag("suspended"), "RESOURCE_MONITOR": _monitor,
    "ENABLE_QUERY_ACCELERATION": _flag("accelerated"),
}  # fmt: skip
_MONITOR: dict[str, Setter] = {"CREDIT_QUOTA": _number("credit_quota")}
_INTEGRATION: dict[str, Setter] = {
    "TYPE": _choice("TYPE", "EXTERNAL_STAGE"), "STORAGE_PROVIDER": _one_of("provider", *_CLOUDS),
    "ENABLED": _flag("enabled"),
    "STORAGE_AWS_ROLE_ARN": _text("role_arn"), "STORAGE_ALLOWED_LOCATIONS": _locations("allowed_locations"),
    "STORAGE_BLOCKED_LOCATIONS": _locations("blocked_locations"),
}  # fmt: skip
_NOT_EMULATED = (
    "COMMENT", "DEFAULT_NAMESPACE", "DEFAULT_WAREHOUSE", "DISPLAY_NAME", "EMAIL",
    "LOGIN_NAME", "MAX_CLUSTER_COUNT", "MAX_CONCURRENCY_LEVEL", "MIN_CLUSTER_COUNT",
    "MUST_CHANGE_PASSWORD", "NETWORK_POLICY", "PASSWORD", "SCALING_POLICY",
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS", "STATEMENT_TIMEOUT_IN_SECONDS", "STORAGE_AWS_EXTERNAL_ID",
    "WAREHOUSE_TYPE",
)  # fmt: skip
