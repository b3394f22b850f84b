"""CREATE and DROP of stages and file formats."""

from __future__ import annotations

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.objects import StorageIntegration
from local.snowflake.emulator.account.stage_objects import (
    FileFormat,
    Options,
    Stage,
    check_type,
    format_options,
    option_value,
)
from local.snowflake.emulator.errors import (
    already_exists,
    insufficient_privileges,
    invalid_parameter,
    no_such_object,
    unsupported,
)
from local.snowflake.emulator.sql.results import Result, status
from local.snowflake.emulator.sql.tokens import Tokens
from local.snowflake.emulator.stage.s3 import location_not_allowed


def create_stage(context: Context, *, replace: bool) -> Result:
    tokens, account = context.tokens, context.account
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = context.session.resolve(tokens.name(), "CREATE STAGE")
    context.require_create("STAGE", name.database, name.schema)
    stage = Stage(name, context.role, "", None)
    _set_options(context, stage)
    if not stage.url:
        raise unsupported("internal stages")
    if name in account.stages and not replace:
        if if_missing:
            return status(f"{name.name} already exists, statement succeeded.")
        raise already_exists(str(name))
    _check_location(context, stage)
    account.grants.forget_object("STAGE", str(name))
    account.stages[name] = stage
    account.grants.apply_future("STAGE", name)
    return status(f"Stage area {name.name} successfully created.")


def _set_options(context: Context, stage: Stage) -> None:
    tokens = context.tokens
    while not tokens.done:
        tokens.accept(",")
        option = _option(tokens)
        tokens.expect("=")
        if option == "URL":
            stage.url = tokens.text()
            if not stage.url.startswith("s3://"):
                raise unsupported(f"stages on {stage.url.partition(':')[0]}")
        elif option == "STORAGE_INTEGRATION":
            stage.integration = tokens.identifier()
        elif option == "FILE_FORMAT":
            stage.format = format_options(tokens)
        elif option in ("COMMENT", "DIRECTORY", "CREDENTIALS", "ENCRYPTION", "ENDPOINT"):
            raise unsupported(f"a stage with {option}")
        else:
            raise invalid_parameter(option)


def _option(tokens: Tokens) -> str:
    if tokens.accept("FILE_FORMAT") or tokens.accept("FILE", "FORMAT"):
        return "FILE_FORMAT"
    return tokens.identifier()


def _check_location(context: Context, stage: Stage) -> None:
    """Check that the integration exists, is usable, and allows the location."""
    integration = usable_integration(context, stage)
    if not integration.allows(stage.url):
        raise location_not_allowed(stage.url, integration.name)


def usable_integration(context: Context, stage: Stage) -> StorageIntegration:
    """Return the stage's integration, which the role must be allowed to use.

    That holds not only for making the stage: a role that copies from it or lists it needs USAGE on both ("you must use
    a role that has or inherits the USAGE privilege on the storage integration": "COPY INTO <table>", usage notes).
    """
    if stage.integration is None:
        raise unsupported("a stage without a STORAGE_INTEGRATION")
    integration = context.account.integration(stage.integration)
    if "USAGE" not in context.actor.held("INTEGRATION", integration.name, integration.owner):
        raise insufficient_privileges("integration", integration.name)
    return integration


def drop_stage(context: Context, *, if_exists: bool) -> Result:
    name = context.session.resolve(context.tokens.name(), "DROP STAGE")
    stage = context.account.stages.get(name)
    if stage is None:
        if if_exists:
            return status("Drop statement executed successfully.")
        raise no_such_object("Stage", str(name))
    context.actor.require("OWNERSHIP", "STAGE", str(name), owner=stage.owner)
    del context.account.stages[name]
    context.account.grants.forget_object("STAGE", str(name))
    return status(f"{name.name} successfully dropped.")


def stage_and_path(context: Context, tokens: Tokens, doing: str) -> tuple[Stage, str]:
    """Parse `@stage/path`. Return the stage, which the role may use, and the path below it.

    Quoted parts may hold anything.
    """
    tokens.expect("@")
    if tokens.accept("~") or tokens.accept("%"):
        raise unsupported("user and table stages")
    parts = [tokens.identifier()]
    while tokens.accept("."):
        parts.append(tokens.identifier())
    name = context.session.resolve(tuple(parts), doing)
    context.require_schema(name.database, name.schema)
    stage = context.account.stage(name)
    context.actor.require("USAGE", "STAGE", str(name), owner=stage.owner)
    return stage, tokens.path()


def create_file_format(context: Context, *, replace: bool) -> Result:
    tokens, account = context.tokens, context.account
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = context.session.resolve(tokens.name(), "CREATE FILE FORMAT")
    context.require_create("FILE FORMAT", name.database, name.schema)
    options: Options = {}
    comment = ""
    while not tokens.done:
        tokens.accept(",")
        option = tokens.identifier()
        tokens.expect("=")
        if option == "COMMENT":
            comment = tokens.text()
        else:
            options[option] = option_value(tokens, option)
    check_type(options)
    if name in account.file_formats and not replace:
        if if_missing:
            return status(f"{name.name} already exists, statement succeeded.")
        raise already_exists(str(name))
    account.file_formats[name] = FileFormat(name, context.role, options, comment)
    account.grants.apply_future("FILE FORMAT", name)
    return status(f"File format {name.name} successfully created.")


def drop_file_format(context: Context, *, if_exists: bool) -> Result:
    name = context.session.resolve(context.tokens.name(), "DROP FILE FORMAT")
    if name not in context.account.file_formats:
        if if_exists:
            return status("Drop statement executed successfully.")
        raise no_such_object("File format", str(name))
    del context.account.file_formats[name]
    return status(f"{name.name} successfully dropped.")
