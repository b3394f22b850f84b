"""Databases and schemas."""

from __future__ import annotations

from local.snowflake.emulator.account.catalog import Database, Schema
from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.errors import already_exists, no_such_object, unsupported
from local.snowflake.emulator.sql.relations import quoted
from local.snowflake.emulator.sql.results import Result, status
from local.snowflake.emulator.tables.execute import run


def create_database(context: Context, *, replace: bool) -> Result:
    tokens, catalog = context.tokens, context.account.catalog
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.identifier()
    context.actor.require("CREATE DATABASE", "ACCOUNT", "EMULATED")
    if replace or not tokens.done:
        raise unsupported(f"CREATE {'OR REPLACE ' * replace}DATABASE {name} {tokens.rest()}")
    if name in catalog.databases:
        if if_missing:
            return status(f"{name} already exists, statement succeeded.")
        raise already_exists(name)
    context.account.duckdb.cursor().execute(f"ATTACH ':memory:' AS {quoted(name)}")
    catalog.databases[name] = Database(name, context.role)
    _make_schema(context, name, Schema("PUBLIC", context.role))
    context.session.database, context.session.schema = name, "PUBLIC"
    return status(f"Database {name} successfully created.")


def create_schema(context: Context, *, replace: bool) -> Result:
    tokens, catalog = context.tokens, context.account.catalog
    if_missing = tokens.accept("IF", "NOT", "EXISTS")
    database, name = context.session.resolve_schema(tokens.name(), "CREATE SCHEMA")
    managed = tokens.accept("WITH", "MANAGED", "ACCESS")
    if replace or not tokens.done:
        raise unsupported(f"CREATE {'OR REPLACE ' * replace}SCHEMA {name} {tokens.rest()}")
    found = catalog.database(database)
    if name in found.schemas:
        if if_missing:
            return status(f"{name} already exists, statement succeeded.")
        raise already_exists(name)
    context.actor.require("CREATE SCHEMA", "DATABASE", database, owner=found.owner)
    _make_schema(context, database, Schema(name, context.role, managed))
    context.session.database, context.session.schema = database, name
    return status(f"Schema {name} successfully created.")


def _make_schema(context: Context, database: str, schema: Schema) -> None:
    run(context, f"CREATE SCHEMA {quoted(database)}.{quoted(schema.name)}", wrote=True)
    context.account.catalog.databases[database].schemas[schema.name] = schema


def drop_schema(context: Context, *, if_exists: bool) -> Result:
    database, name = context.session.resolve_schema(context.tokens.name(), "DROP SCHEMA")
    context.tokens.accept("CASCADE")
    context.tokens.end()
    if name not in context.account.catalog.database(database).schemas:
        if if_exists:
            return status("Drop statement executed successfully.")
        raise no_such_object("Schema", f"{database}.{name}")
    _drop_schema(context, database, name)
    if (context.session.database, context.session.schema) == (database, name):
        context.session.schema = None
    return status(f"{name} successfully dropped.")


def _drop_schema(context: Context, database: str, name: str) -> None:
    account = context.account
    schema = account.catalog.schema(database, name)
    context.actor.require("OWNERSHIP", "SCHEMA", f"{database}.{name}", owner=schema.owner)
    run(context, f"DROP SCHEMA {quoted(database)}.{quoted(name)} CASCADE", wrote=True)
    for relation in list(account.catalog.relations(database, name)):
        account.grants.forget_object(relation.kind, str(relation.name))
        account.loads.forget(relation.name)
    account.catalog.remove_schema(database, name)
    account.grants.forget_object("SCHEMA", f"{database}.{name}")
    for found in (account.stages, account.file_formats):
        for key in [key for key in found if (key.database, key.schema) == (database, name)]:
            del found[key]  # type: ignore[attr-defined]


def drop_database(context: Context, *, if_exists: bool) -> Result:
    name = context.tokens.identifier()
    context.tokens.accept("CASCADE")
    context.tokens.end()
    catalog = context.account.catalog
    if name not in catalog.databases:
        if if_exists:
            return status("Drop statement executed successfully.")
        raise no_such_object("Database", name)
    context.actor.require("OWNERSHIP", "DATABASE", name, owner=catalog.database(name).owner)
    for schema in list(catalog.databases[name].schemas):
        _drop_schema(context, name, schema)
    context.account.duckdb.cursor().execute(f"DETACH {quoted(name)}")
    del catalog.databases[name]
    context.account.grants.forget_object("DATABASE", name)
    if context.session.database == name:
        context.session.database = context.session.schema = None
    return status(f"{name} successfully dropped.")
