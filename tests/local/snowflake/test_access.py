"""Logging in, roles, privileges and warehouses."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from snowflake.connector.errors import Error

from local.snowflake.account import integration_of, provision_statements
from local.snowflake.server import SnowflakeEmulator
from orchestration.settings import Schemas
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from tests.conftest import Bucket
from tests.local.snowflake.conftest import Client, Connect
from tests.snowflake.account import TEST_INTEGRATION, new_database, provisioned
from tests.snowflake.lake_bucket import MARK, take_bucket

MakeUser = Callable[..., str]


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def other_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def public(key: RSAPrivateKey) -> str:
    """Return the public key in the form of CREATE USER."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def private(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def make_user(client: Client, key: RSAPrivateKey) -> MakeUser:
    """A function that creates a user with that key and returns its name."""

    def make(*roles: str, options: str = "") -> str:
        name = f"USER_{uuid.uuid4().hex[:8].upper()}"
        client.run(f"CREATE USER {name} TYPE = SERVICE RSA_PUBLIC_KEY = '{public(key)}' {options}")
        for role in roles:
            client.run(f"CREATE ROLE IF NOT EXISTS {role}")
            client.run(f"GRANT ROLE {role} TO USER {name}")
        return name

    return make


def refused(connect: Connect, **options: object) -> int:
    with pytest.raises(Error) as caught:
        connect(**options)
    return int(caught.value.errno)


def test_a_user_logs_in_with_either_of_its_two_keys(
    connect: Connect, client: Client, make_user: MakeUser, key: RSAPrivateKey, other_key: RSAPrivateKey
) -> None:
    user = make_user("KEEPER", options="DEFAULT_ROLE = KEEPER")
    session = connect(user=user, private_key=private(key))
    assert session.run("SELECT CURRENT_USER(), CURRENT_ROLE()") == [(user, "KEEPER")]

    assert refused(connect, user=user, private_key=private(other_key)) == 390144
    rotating = make_user("KEEPER", options=f"RSA_PUBLIC_KEY_2 = '{public(other_key)}'")
    connect(user=rotating, private_key=private(other_key))
    connect(user=rotating, private_key=private(key))


def test_who_may_not_log_in_is_told_why(
    connect: Connect, client: Client, make_user: MakeUser, key: RSAPrivateKey
) -> None:
    user = make_user("KEEPER")
    client.run("CREATE ROLE IF NOT EXISTS NOT_MINE")

    assert refused(connect, user="nobody", password="x") == 390100
    assert refused(connect, user="nobody", private_key=private(key)) == 390144
    assert refused(connect, user=user, private_key=private(key), role="NOT_MINE") == 390186
    assert refused(connect, user=user, private_key=private(key), account="another") == 390144
    client.run(f"DROP USER {user}")
    assert refused(connect, user=user, private_key=private(key)) == 390144
    disabled = make_user("KEEPER", options="DISABLED = TRUE")
    assert refused(connect, user=disabled, private_key=private(key)) == 390101


def test_why_a_token_was_refused_is_told_to_an_administrator(
    connect: Connect, client: Client, make_user: MakeUser, key: RSAPrivateKey, other_key: RSAPrivateKey
) -> None:
    user = make_user("KEEPER", options="DEFAULT_ROLE = KEEPER")
    for options, reason in (
        ({"private_key": private(key), "account": "another"}, "JWT_TOKEN_ACCOUNT_MISMATCH"),
        ({"private_key": private(other_key)}, "JWT_TOKEN_INVALID"),
    ):
        with pytest.raises(Error) as caught:
            connect(user=user, **options)
        [failure] = re.findall(r"JWT token is invalid\. \[([0-9a-f-]{36})\]", str(caught.value))
        ask = f"SELECT SYSTEM$GET_LOGIN_FAILURE_DETAILS('{failure}')"
        assert json.loads(client.value(ask))["errorCode"] == reason
        assert connect(user=user, private_key=private(key)).errno(ask) == 3001


@pytest.mark.parametrize(("age", "accepted"), [(timedelta(minutes=1), True), (timedelta(hours=2), False)])
def test_a_token_is_taken_for_its_hour(
    emulator: SnowflakeEmulator, make_user: MakeUser, key: RSAPrivateKey, age: timedelta, accepted: bool
) -> None:
    user, made = make_user("KEEPER"), datetime.now(UTC) - age
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(public(key))).digest()).decode()
    subject = f"EMULATED.{user}"
    claims = {"iss": f"{subject}.SHA256:{digest}", "sub": subject, "iat": made, "exp": made + timedelta(hours=1)}
    data = {"LOGIN_NAME": user, "AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": jwt.encode(claims, key, algorithm="RS256")}

    answer = httpx.post(f"http://127.0.0.1:{emulator.port}/session/v1/login-request", json={"data": data}).json()

    assert (answer["success"], answer["code"]) == ((True, None) if accepted else (False, "390144"))


def test_a_role_sees_what_it_was_granted_and_no_more(connect: Connect, client: Client, database: str) -> None:
    role = f"ROLE_{uuid.uuid4().hex[:8].upper()}"
    client.run(f"CREATE ROLE {role}")
    client.run("CREATE OR REPLACE TABLE SECRETS (A INT)")
    session = connect(role=role)
    table = f"{database}.RAW.SECRETS"

    assert session.errno(f"SELECT * FROM {table}") == 2003
    client.run(f"GRANT USAGE ON DATABASE {database} TO ROLE {role}")
    client.run(f"GRANT USAGE ON SCHEMA {database}.RAW TO ROLE {role}")
    assert session.errno(f"SELECT * FROM {table}") == 2003
    client.run(f"GRANT SELECT ON TABLE {table} TO ROLE {role}")
    assert session.run(f"SELECT * FROM {table}") == []
    assert session.errno(f"INSERT INTO {table} VALUES (1)") == 3001
    assert session.errno(f"ALTER TABLE {table} ADD COLUMN B INT") == 3001
    number, words = session.refused(f"CREATE TABLE {database}.RAW.MINE (A INT)")
    assert (number, words.endswith("Insufficient privileges to operate on schema 'RAW'")) == (3001, True)
    client.run(f"GRANT INSERT ON FUTURE TABLES IN SCHEMA {database}.RAW TO ROLE {role}")
    client.run("CREATE OR REPLACE TABLE LATER (A INT)")
    assert session.run(f"INSERT INTO {database}.RAW.LATER VALUES (1)") == [(1,)]
    client.run(f"REVOKE SELECT ON TABLE {table} FROM ROLE {role}")
    assert session.errno(f"SELECT * FROM {table}") == 2003
    assert client.errno(f"GRANT SELEKT ON TABLE {table} TO ROLE {role}") == 1003


def test_privileges_are_inherited_through_roles(connect: Connect, client: Client, database: str) -> None:
    low, high = (f"{part}_{uuid.uuid4().hex[:8].upper()}" for part in ("LOW", "HIGH"))
    for statement in (
        f"CREATE ROLE {low}",
        f"CREATE ROLE {high}",
        f"GRANT ROLE {low} TO ROLE {high}",
        f"GRANT USAGE ON DATABASE {database} TO ROLE {low}",
        f"GRANT USAGE, CREATE TABLE ON SCHEMA {database}.RAW TO ROLE {low}",
    ):
        client.run(statement)
    connect(role=low).run(f"CREATE TABLE {database}.RAW.OWNED_BY_LOW (A INT)")

    assert connect(role=high).run(f"SELECT * FROM {database}.RAW.OWNED_BY_LOW") == []
    assert connect(role=low).run(f"SHOW GRANTS ON TABLE {database}.RAW.OWNED_BY_LOW")[0][1] == "OWNERSHIP"


def test_a_statement_that_needs_a_warehouse_says_so(
    connect: Connect, client: Client, database: str, make_user: MakeUser, key: RSAPrivateKey
) -> None:
    user = make_user("WORKER", options="DEFAULT_ROLE = WORKER")
    warehouse = f"WH_{uuid.uuid4().hex[:8].upper()}"
    client.run("CREATE OR REPLACE TABLE WORK (A INT)")
    for statement in (
        f"CREATE WAREHOUSE {warehouse} WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 INITIALLY_SUSPENDED = TRUE",
        f"GRANT USAGE ON DATABASE {database} TO ROLE WORKER",
        f"GRANT USAGE ON SCHEMA {database}.RAW TO ROLE WORKER",
        f"GRANT SELECT ON TABLE {database}.RAW.WORK TO ROLE WORKER",
    ):
        client.run(statement)
    session = connect(user=user, private_key=private(key), warehouse=warehouse)
    query = f"SELECT COUNT(*) FROM {database}.RAW.WORK"

    assert session.value("SELECT CURRENT_WAREHOUSE()") is None  # not granted: left unset
    assert session.errno(query) == 606
    assert session.errno(f"USE WAREHOUSE {warehouse}") == 2043
    client.run(f"GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE WORKER")
    session.run(f"USE WAREHOUSE {warehouse}")
    assert session.value(query) == 0
    client.run(f"CREATE OR REPLACE WAREHOUSE {warehouse} AUTO_RESUME = FALSE INITIALLY_SUSPENDED = TRUE")
    assert session.errno(query) == 608
    client.run(f"CREATE OR REPLACE WAREHOUSE {warehouse} AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE")
    assert session.value(query) == 0
    assert client.errno("CREATE WAREHOUSE W2 WAREHOUSE_SIZE = HUGE") == 1008
    assert client.errno("CREATE WAREHOUSE W2 NO_SUCH_OPTION = 1") == 1006


def test_a_secure_view_looks_at_who_asks(connect: Connect, client: Client, database: str) -> None:
    role = f"ANALYST_{uuid.uuid4().hex[:8].upper()}"
    for statement in (
        "CREATE OR REPLACE TABLE PEOPLE (ID INT, EMAIL VARCHAR)",
        "INSERT INTO PEOPLE VALUES (1, 'a@b.c')",
        "CREATE OR REPLACE SECURE VIEW SAFE_PEOPLE AS SELECT ID, "
        "CASE WHEN CURRENT_ROLE() IN ('ACCOUNTADMIN') THEN EMAIL ELSE SHA2(EMAIL, 256) END AS EMAIL FROM PEOPLE",
        f"CREATE ROLE {role}",
        f"GRANT USAGE ON DATABASE {database} TO ROLE {role}",
        f"GRANT USAGE ON SCHEMA {database}.RAW TO ROLE {role}",
        f"GRANT SELECT ON VIEW SAFE_PEOPLE TO ROLE {role}",
    ):
        client.run(statement)
    analyst = connect(role=role, database=database, schema="RAW")

    assert client.value("SELECT EMAIL FROM SAFE_PEOPLE") == "a@b.c"
    assert len(analyst.value("SELECT EMAIL FROM SAFE_PEOPLE")) == 64
    assert analyst.errno("SELECT EMAIL FROM PEOPLE") == 2003


def test_the_account_is_provisioned_with_least_privilege_and_again_without_change(
    connect: Connect, emulator: SnowflakeEmulator, client: Client
) -> None:
    settings = SnowflakeSettings.of(emulator.environment)
    database = f"PROVISIONED_{uuid.uuid4().hex[:8].upper()}"
    for _ in range(2):
        for statement in provision_statements(settings, database, Schemas(), "lake", user="test"):
            client.run(statement)
    loader, transformer, reader = (
        connect(role=role, database=database)
        for role in (settings.loader_role, settings.transformer_role, settings.reader_role)
    )

    loader.run("CREATE TABLE RAW.THINGS (ID INT)")
    loader.run("INSERT INTO RAW.THINGS VALUES (1)")
    transformer.run("CREATE VIEW STAGING.STG_THINGS AS SELECT * FROM RAW.THINGS")
    transformer.run("CREATE TABLE MART.DIM_THINGS AS SELECT * FROM STAGING.STG_THINGS")
    assert reader.run("SELECT * FROM MART.DIM_THINGS") == [(1,)]

    assert loader.errno("CREATE TABLE STAGING.MINE (A INT)") == 2003
    assert transformer.errno("INSERT INTO RAW.THINGS VALUES (2)") == 3001
    assert transformer.errno("CREATE TABLE RAW.MINE (A INT)") == 3001
    assert reader.errno("SELECT * FROM STAGING.STG_THINGS") == 2003
    assert reader.errno("SELECT * FROM RAW.THINGS") == 2003
    assert reader.errno("INSERT INTO MART.DIM_THINGS VALUES (2)") == 3001
    assert loader.errno(f"GRANT SELECT ON TABLE RAW.THINGS TO ROLE {settings.reader_role}") == 3001
    for url, errno in (("s3://elsewhere/", 3127), ("s3://lake/_log/", 3127), ("s3://lake/events/", None)):
        stage = f"CREATE STAGE {database}.RAW.OTHER URL = '{url}' STORAGE_INTEGRATION = {integration_of('lake')}"
        assert client.run(stage) if errno is None else client.errno(stage) == errno, url


def test_a_database_of_the_tests_shows_what_the_roles_that_terraform_made_lack(
    connect: Connect,
    emulator: SnowflakeEmulator,
    client: Client,
    make_user: MakeUser,
    key: RSAPrivateKey,
    bucket: Bucket,
) -> None:
    """As in an account of the user's: SYSADMIN makes the database, and its user works there by the three roles."""
    settings = SnowflakeSettings.of(emulator.environment)
    integration = integration_of(bucket.name)
    for statement in provision_statements(settings, new_database(), Schemas(), bucket.name, user="test"):
        client.run(statement)
    # By default a session has all roles of its user beside the one that it names, and would lack nothing.
    user, database = make_user("SYSADMIN", options="DEFAULT_SECONDARY_ROLES = ()"), new_database()
    owner = connect(user=user, private_key=private(key), role="SYSADMIN")
    with provisioned(
        owner.connection, settings, database, bucket.name, {TEST_INTEGRATION: integration}, is_local=False
    ):
        loader, transformer, reader = (
            connect(user=user, private_key=private(key), role=role, warehouse=warehouse, database=database)
            for role, warehouse in (
                (settings.loader_role, settings.load_warehouse),
                (settings.transformer_role, settings.transform_warehouse),
                (settings.reader_role, settings.bi_warehouse),
            )
        )
        loader.run("CREATE TABLE RAW.THINGS (ID INT)")
        transformer.run("CREATE TABLE MART.DIM_THINGS AS SELECT * FROM RAW.THINGS")
        assert reader.run("SELECT * FROM MART.DIM_THINGS") == []
        assert reader.errno("SELECT * FROM RAW.THINGS") == 2003
        assert loader.run("LIST @RAW.STG_S3_RAW/events/") == []
        client.run(f"REVOKE USAGE ON INTEGRATION {integration} FROM ROLE {settings.loader_role}")
        assert loader.errno("LIST @RAW.STG_S3_RAW/events/") == 3001
        assert owner.run(f"LIST @{database}.RAW.STG_S3_RAW/events/") == []  # who may do everything sees no fault
    assert owner.errno(f"USE DATABASE {database}") == 2043


def test_a_bucket_is_the_tests_own_from_when_they_found_it_empty(bucket: Bucket) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="events/somebody-elses.parquet", Body=b"")
    with pytest.raises(AssertionError, match="was not by the tests: they would remove events/somebody-elses"):
        take_bucket(bucket.client, bucket.name)
    bucket.client.delete_object(Bucket=bucket.name, Key="events/somebody-elses.parquet")

    take_bucket(bucket.client, bucket.name)
    bucket.client.put_object(Bucket=bucket.name, Key="events/left-by-a-run-that-was-killed.parquet", Body=b"")
    take_bucket(bucket.client, bucket.name)

    assert [found["Key"] for found in bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]] == [MARK]
