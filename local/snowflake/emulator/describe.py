"""DESCRIBE of tables, views, integrations and users."""

from __future__ import annotations

from fakesnow import statement_type

from local.snowflake.emulator.context import Context
from local.snowflake.emulator.errors import no_such_object, unsupported
from local.snowflake.emulator.keys import fingerprint
from local.snowflake.emulator.results import Result, named_columns, typed_rows

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
    return typed_rows([(name, "VARCHAR(16777216)") for name in _DESCRIBED], rows, statement_type.DESCRIBE)


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
    columns = named_columns("property property_type property_value property_default")
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
    return typed_rows(named_columns("property value default description"), rows, statement_type.DESCRIBE)


def _yes(value: bool) -> str:
    return "Y" if value else "N"
