"""The account of the tests: the one that SNOWFLAKE_* names, or else our emulated one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import pytest
import snowflake.connector
from snowflake.connector.errors import ProgrammingError

from ingest.lake.commit import DataFile
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from local.snowflake.account import INTEGRATION, STORAGE_ROLE, database_statements, provision_statements
from orchestration.settings import Schemas
from orchestration.warehouse.protocol import Row
from orchestration.warehouse.snowflake.copy import copy_statement
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

RUN = "test-run"
TEST_ROLE = "SNOWFLAKE_TEST_ROLE"
"""A role of the user in a real account that may create databases and use the storage integration; the roles that
Terraform has made are granted to it."""
TEST_INTEGRATION = "SNOWFLAKE_STORAGE_INTEGRATION"
"""The integration that Terraform has made for the tests' bucket."""
_PASSED_ON = ("SNOWFLAKE_", "AWS_", "WAREHOUSE_DATABASE")


def users_account() -> dict[str, str]:
    """Return the user's account, with the lake that its stage reads; empty if none is named."""
    if not os.environ.get("SNOWFLAKE_ACCOUNT"):
        return {}
    return {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON) and value}


USERS_ACCOUNT = users_account()
"""Read before the tests' environment is cleaned of the user's accounts."""


@dataclass(frozen=True)
class Account:
    """A database of the test's own, with its stage, and the lake's bucket that the stage reads."""

    environment: Mapping[str, str]
    settings: SnowflakeSettings
    database: str
    lake_settings: LakeSettings

    @property
    def store(self) -> ObjectStore:
        """The lake."""
        return ObjectStore(self.lake_settings)

    def warehouse(self, run_id: str = RUN) -> SnowflakeWarehouse:
        """Return the warehouse to load into."""
        return SnowflakeWarehouse(self.settings, self.database, Schemas(), run_id=run_id)

    def rows(self, sql: str) -> list[Row]:
        """Return all rows of a query, asked by the loader's role; names need no database."""
        with self.warehouse().connect() as session:
            return session.query(sql)

    def run(self, *statements: str) -> None:
        """Run statements as the owner of the database."""
        with closing(connect(self.environment)) as connection:
            connection.cursor().execute(f"USE DATABASE {self.database}")
            for statement in statements:
                connection.cursor().execute(statement)


def connect(environment: Mapping[str, str]) -> SnowflakeConnection:
    """Return a session of the account's owner, which makes the databases of the tests."""
    settings = SnowflakeSettings.of(environment)
    credentials = (
        {"password": settings.password.get_secret_value()}
        if settings.password
        else {
            "authenticator": "SNOWFLAKE_JWT",
            "private_key": _key(settings),
            "role": environment.get(TEST_ROLE, "SYSADMIN"),
        }
    )
    place = {"host": settings.host, "port": settings.port, "protocol": settings.protocol} if settings.host else {}
    return snowflake.connector.connect(
        account=settings.account,
        user=settings.user,
        platform_detection_timeout_seconds=0.0,
        login_timeout=settings.login_timeout_seconds,
        session_parameters={"TIMEZONE": "UTC"},
        **place,
        **credentials,
    )


@contextmanager
def provisioned(
    owner: SnowflakeConnection,
    settings: SnowflakeSettings,
    database: str,
    bucket: str,
    environment: Mapping[str, str] = USERS_ACCOUNT,
    *,
    is_local: bool | None = None,
) -> Iterator[SnowflakeSettings]:
    """Yield a database with the objects that Terraform makes, and the settings to use it. It is dropped after the test.

    In a user's account, Terraform makes roles, warehouses, integration and grants, and the tests change none of them,
    so that a missing grant is detected.
    """
    if not environment:
        _run(owner, provision_statements(settings, database, Schemas(), bucket, user=settings.user))
        yield settings
        return
    if (
        settings.is_local if is_local is None else is_local
    ):  # an emulated account may do without grants; it ends with its process
        _run(owner, _bare_database(settings, database, bucket))
        yield settings
        return
    integration = environment.get(TEST_INTEGRATION) or INTEGRATION
    try:
        _run(owner, database_statements(settings, database, Schemas(), bucket, integration=integration))
        yield settings
    finally:
        _run(owner, [f"DROP DATABASE IF EXISTS {database}"])


def _bare_database(settings: SnowflakeSettings, database: str, bucket: str) -> Iterator[str]:
    """Yield the minimum that a loader needs, for a user's emulated account that may know no grants."""
    yield f"CREATE DATABASE {database}"
    for schema in Schemas().model_dump().values():
        yield f"CREATE SCHEMA {database}.{schema}"
    integration = f"S3_INT_OF_{database}"
    yield (
        f"CREATE STORAGE INTEGRATION {integration} TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE "
        f"STORAGE_AWS_ROLE_ARN = '{STORAGE_ROLE}' STORAGE_ALLOWED_LOCATIONS = ('s3://{bucket}/')"
    )
    yield f"CREATE STAGE {database}.RAW.{settings.stage} URL = 's3://{bucket}/' STORAGE_INTEGRATION = {integration}"


def _run(owner: SnowflakeConnection, statements: Iterable[str]) -> None:
    for statement in statements:
        owner.cursor().execute(statement)


def require_copy(account: Account) -> None:
    """Skip if a user's emulated account does not know all options of the loader's COPY."""
    if "SNOWFLAKE_HOST" not in USERS_ACCOUNT:
        return
    nothing = DataFile(key="events/nothing.parquet", rows=1, bytes=1, sha256="0" * 64)
    stage = f'"{account.database}"."RAW"."{account.settings.stage}"'
    try:
        account.run("CREATE TABLE IF NOT EXISTS RAW.PROBE (ID INT)", copy_statement("RAW.PROBE", stage, [nothing]))
    except ProgrammingError as error:
        # The file is not there, which is an error too: only one about the options counts here.
        if "invalid parameter" in str(error.msg):
            pytest.skip(f"this emulated account does not know the loader's COPY: {' '.join(str(error.msg).split())}")


def not_shown_here(reason: str) -> NoReturn:
    """Skip in a user's account that cannot show something. Our account can, so there it is a failure."""
    if USERS_ACCOUNT:
        pytest.skip(reason)
    pytest.fail(f"our emulated account must show this: {reason}")


def new_database() -> str:
    """Return a name that no other test uses."""
    return f"DP_TEST_{uuid.uuid4().hex[:12].upper()}"


def _key(settings: SnowflakeSettings) -> bytes:
    from orchestration.warehouse.snowflake.login import loader_login

    return loader_login(settings, "").keys[0].der
