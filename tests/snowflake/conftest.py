"""An emulated Snowflake account for each worker, or the one that SNOWFLAKE_* names; a database for each test.

snowflake_environment   the SNOWFLAKE_* variables of the account, and the AWS_* ones of the lake that it reads
account                 a fresh database with its stage, and an empty bucket that the stage reads
shared_account          the same for all tests of a module: each of them takes streams of its own
lake                    the stream `things` in that bucket, still empty
proxy, day              a proxy before an emulated account, and a stream behind it with a version to load: for faults
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from snowflake.connector.auth import keypair

from local.processes import ProcessGroup
from local.run_directory import RunDirectory
from local.servers.s3_server import S3Server
from local.snowflake.server import EMULATOR_PYTHON, start_snowflake_emulator
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from tests.faults.patience import without_waiting
from tests.orchestration.lake_builder import LakeBuilder, contract, thing
from tests.snowflake.account import USERS_ACCOUNT, Account, connect, new_database, provisioned, require_copy
from tests.snowflake.bad_day import BadDay
from tests.snowflake.lake_bucket import fresh_bucket
from tests.snowflake.statement_proxy import StatementProxy, statement_proxy


@pytest.fixture(scope="session", autouse=True)
def _keys_are_looked_into_once() -> Iterator[None]:
    """Cache the check of a key's prime factors, which cryptography repeats at each reading: 50 ms of a core, twice a
    login.

    Keys that cannot be read are read again. The programs that tests start check each time.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serialization, "load_pem_private_key", cache(serialization.load_pem_private_key))
        patch.setattr(keypair, "load_der_private_key", cache(keypair.load_der_private_key))
        yield


@pytest.fixture(scope="session")
def snowflake_environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        environment = USERS_ACCOUNT or _our_emulator(request)
        for name, value in environment.items():
            patch.setenv(name, value)  # boto3 finds the lake by it, and dbt and the commands the account
        yield environment


def _our_emulator(request: pytest.FixtureRequest) -> dict[str, str]:
    if not EMULATOR_PYTHON.exists():
        pytest.skip("the emulated account is not installed: `make test-snowflake` installs it")
    s3: S3Server = request.getfixturevalue("s3_server")
    processes: ProcessGroup = request.getfixturevalue("processes")
    directory: RunDirectory = request.getfixturevalue("run_directory")
    logs: Path = request.getfixturevalue("stack_logs")
    server = start_snowflake_emulator(processes, directory.path, logs, s3.environment).ready()
    return {**server.environment, **s3.environment}


@contextmanager
def _fresh_account(environment: Mapping[str, str]) -> Iterator[Account]:
    settings = SnowflakeSettings.of(environment)
    with fresh_bucket(environment) as lake, closing(connect(environment)) as owner:
        database = new_database()
        with provisioned(owner, settings, database, lake.bucket) as names:
            yield Account(environment, names, database, lake)


@pytest.fixture
def account(snowflake_environment: Mapping[str, str]) -> Iterator[Account]:
    with _fresh_account(snowflake_environment) as account:
        yield account


@pytest.fixture(scope="module")
def shared_account(snowflake_environment: Mapping[str, str]) -> Iterator[Account]:
    with _fresh_account(snowflake_environment) as account:
        yield account


@pytest.fixture
def lake(account: Account) -> LakeBuilder:
    require_copy(account)
    return LakeBuilder(account.store, contract())


@pytest.fixture(scope="session")
def emulated(snowflake_environment: Mapping[str, str]) -> None:
    """For tests that need features that no real account has."""
    if "SNOWFLAKE_HOST" not in snowflake_environment:
        pytest.skip("this test needs an emulated account")


def pytest_report_header() -> str:
    """Return a line that names the account of the tests."""
    where = USERS_ACCOUNT.get("SNOWFLAKE_HOST") or USERS_ACCOUNT.get("SNOWFLAKE_ACCOUNT") or "our emulated account"
    return f"snowflake: {where} (process {os.getpid()})"


@pytest.fixture(scope="module")
def proxy(snowflake_environment: Mapping[str, str], emulated: None) -> Iterator[tuple[StatementProxy, int]]:
    """A proxy before an emulated account, and its port. A real account is reached by TLS."""
    with statement_proxy(snowflake_environment["SNOWFLAKE_HOST"], int(snowflake_environment["SNOWFLAKE_PORT"])) as both:
        yield both


@pytest.fixture
def day(proxy: tuple[StatementProxy, int], shared_account: Account) -> Iterator[BadDay]:
    """Version 1 of a stream is loaded; version 2, of two files, is new."""
    control, port = proxy
    account = shared_account
    require_copy(account)
    lake = LakeBuilder(account.store, contract(stream=f"things_{uuid.uuid4().hex[:8]}", deletes="none"))
    # A request that gets no answer counts as lost soon.
    through = {"host": "127.0.0.1", "port": port, "network_timeout_seconds": 1, "login_timeout_seconds": 2}
    day = BadDay(lake, control, account, account.settings.model_copy(update=through))
    lake.data([thing(1), thing(2)])
    with without_waiting():
        day.load()
        lake.data([thing(3), thing(4)], [thing(5)])
        control.calm()
        yield day
    control.calm()
