"""The demo's warehouse: DuckDB, the Snowflake account that SNOWFLAKE_* names, or an emulated one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dotenv import dotenv_values

from ingest.errors import ConfigurationError
from local.processes import Spawner
from local.run_directory import RunDirectory
from local.stack import LocalStack
from local.state import State
from local.up import relative
from orchestration.settings import OrchestrationSettings, Schemas, WarehouseKind
from orchestration.warehouse.answer import Answer
from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.protocol import Publication

Ask = Callable[[str], Answer]

_USERS_PREFIXES = ("SNOWFLAKE_", "AWS_")
_USERS_NAMES = ("RAW_BUCKET", "WAREHOUSE_DATABASE")

_QUERY = "select order_date, sum(revenue_incl_tax) as revenue from mart.fct_orders group by 1 order by 1 desc limit 5"


@dataclass(frozen=True)
class Target:
    """A ready warehouse: the environment variables for a run, and the function that queries the published marts."""

    environment: Mapping[str, str]
    reader: Callable[[Publication], Ask]
    location: Callable[[Publication], str]


@dataclass(frozen=True)
class DemoWarehouse:
    """A kind of warehouse for the demo. `introduction` describes it, `try_next` suggests what to do after the demo.

    `make_ready` raises LocalStackError or ConfigurationError.
    """

    introduction: str
    try_next: str
    make_ready: Callable[[LocalStack], Target]


def choose_warehouse(kind: WarehouseKind, state: State, spawner: Spawner, run: RunDirectory) -> DemoWarehouse:
    """Return the requested warehouse. Raises ConfigurationError for settings that cannot work."""
    if kind is WarehouseKind.DUCKDB:
        return DemoWarehouse("to an S3 lake, to DuckDB, to tested marts.", f'make query SQL="{_QUERY}"', _duckdb)
    own = _users_environment()
    if own.get("SNOWFLAKE_ACCOUNT"):
        return _users_account(own)
    return DemoWarehouse(
        "to an S3 lake, to Snowflake, to tested marts.\n"
        "[yellow]No SNOWFLAKE_ACCOUNT is set: this is an EMULATED account, on this machine.[/]",
        "make demo      [dim]the same, on DuckDB[/]",
        lambda stack: _emulated(stack, state, spawner, run),
    )


def _duckdb(stack: LocalStack) -> Target:
    def reader(publication: Publication) -> Ask:
        if publication.path is None:
            raise AssertionError("DuckDB publishes a file")
        path = publication.path
        return lambda sql: run_query(path, sql, limit=None)

    return Target(stack.environment, reader, lambda published: str(published.path and relative(published.path)))


def _emulated(stack: LocalStack, state: State, spawner: Spawner, run: RunDirectory) -> Target:
    """Return the tests' emulated account, reading the demo's own lake, with the objects that Terraform makes in an
    account.
    """
    from local.snowflake.account import provision
    from local.snowflake.server import start_snowflake_emulator

    server = start_snowflake_emulator(spawner, run.path, state.logs, stack.s3.environment).ready()
    environment = {**stack.environment, **server.environment, "WAREHOUSE": WarehouseKind.SNOWFLAKE.value}
    provision(environment, bucket=stack.bucket)
    return Target(environment, _snowflake_reader(environment), lambda _: "an emulated account, gone with the demo")


def _users_account(own: Mapping[str, str]) -> DemoWarehouse:
    """Return the user's account, with the lake that its stage reads. The stack's own lake is not used."""
    if not own.get("RAW_BUCKET"):
        raise ConfigurationError(
            "SNOWFLAKE_ACCOUNT is set, but RAW_BUCKET is not: Snowflake reads the lake itself, and not on this machine",
            hint="Set RAW_BUCKET to the bucket that the account's stage reads, or unset SNOWFLAKE_ACCOUNT.",
        )
    account = own["SNOWFLAKE_ACCOUNT"] + (f" at {own['SNOWFLAKE_HOST']}" if own.get("SNOWFLAKE_HOST") else "")
    reader = _snowflake_reader(own)

    def make_ready(stack: LocalStack) -> Target:
        lake = {"RAW_BUCKET", *stack.s3.environment}
        sources = {name: value for name, value in stack.environment.items() if name not in lake}
        environment = {**sources, **own, "WAREHOUSE": WarehouseKind.SNOWFLAKE.value}
        return Target(environment, reader, lambda published: f"{published.location} of {account}")

    return DemoWarehouse(
        f"to the S3 lake {own['RAW_BUCKET']}, to the Snowflake account {account}, to tested marts.",
        'make query WAREHOUSE=snowflake SQL="select count(*) from mart.dim_customer"',
        make_ready,
    )


def _users_environment() -> dict[str, str]:
    """Return the account and the lake that the environment or `.env` names."""
    named = {**dotenv_values(".env"), **os.environ}
    return {
        name: value
        for name, value in named.items()
        if value and (name.startswith(_USERS_PREFIXES) or name in _USERS_NAMES)
    }


def _snowflake_reader(environment: Mapping[str, str]) -> Callable[[Publication], Ask]:
    """Return a function that queries in the reader's role.

    Raises ConfigurationError for settings that cannot log in.
    """
    from orchestration.warehouse.snowflake.query import run_query as run_in_snowflake
    from orchestration.warehouse.snowflake.settings import SnowflakeSettings
    from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse

    database = environment.get("WAREHOUSE_DATABASE", OrchestrationSettings.model_fields["database"].default)
    warehouse = SnowflakeWarehouse(SnowflakeSettings.of(environment), database, Schemas(), run_id="demo")
    return lambda _: lambda sql: run_in_snowflake(warehouse.reader, sql, limit=None)
