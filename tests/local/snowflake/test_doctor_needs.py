"""The account's features for `python -m orchestration.warehouse doctor`: its reports, and how it can be broken."""

from __future__ import annotations

import json
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from tests.local.snowflake.conftest import Client, Connect
from tests.local.snowflake.test_access import private, public


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture
def names() -> tuple[str, str, str]:
    """Return the names of a user and two roles."""
    tail = uuid.uuid4().hex[:8].upper()
    return f"USER_{tail}", f"ONE_{tail}", f"TWO_{tail}"


def make(client: Client, names: tuple[str, str, str], key: RSAPrivateKey, options: str = "") -> None:
    user, *roles = names
    client.run(f"CREATE USER {user} TYPE = SERVICE RSA_PUBLIC_KEY = '{public(key)}' {options}")
    for role in roles:
        client.run(f"CREATE ROLE {role}")
        client.run(f"GRANT ROLE {role} TO USER {user}")


def test_secondary_roles_are_all_of_a_user_s_unless_it_is_made_without(
    client: Client, connect: Connect, key: RSAPrivateKey, names: tuple[str, str, str], database: str
) -> None:
    user, one, two = names
    make(client, names, key)
    client.run("CREATE OR REPLACE TABLE SECONDARY (A INT)")
    client.run(f"GRANT USAGE ON DATABASE {database} TO ROLE {two}")
    client.run(f"GRANT USAGE ON SCHEMA {database}.RAW TO ROLE {two}")
    client.run(f"GRANT SELECT ON TABLE SECONDARY TO ROLE {two}")
    client.run("CREATE WAREHOUSE IF NOT EXISTS FOR_SECONDARY")
    client.run(f"GRANT USAGE ON WAREHOUSE FOR_SECONDARY TO ROLE {one}")

    def session() -> Client:
        return connect(user=user, private_key=private(key), role=one, warehouse="FOR_SECONDARY")

    every = session()
    assert json.loads(every.value("SELECT CURRENT_SECONDARY_ROLES()")) == {"roles": f"{one},{two}", "value": "ALL"}
    assert every.value(f"SELECT count(*) FROM {database}.RAW.SECONDARY") == 0
    every.run("USE SECONDARY ROLES NONE")
    assert json.loads(every.value("SELECT CURRENT_SECONDARY_ROLES()")) == {"roles": "", "value": ""}
    assert every.errno(f"SELECT count(*) FROM {database}.RAW.SECONDARY") == 2003

    client.run(f"ALTER USER {user} SET DEFAULT_SECONDARY_ROLES = ()")
    assert session().errno(f"SELECT count(*) FROM {database}.RAW.SECONDARY") == 2003


def test_a_role_can_be_taken_from_a_user_and_a_user_can_be_shut_out(
    client: Client, connect: Connect, key: RSAPrivateKey, names: tuple[str, str, str]
) -> None:
    user, one, _ = names
    make(client, names, key)
    assert connect(user=user, private_key=private(key), role=one).value("SELECT CURRENT_ROLE()") == one

    client.run(f"REVOKE ROLE {one} FROM USER {user}")
    with pytest.raises(Exception, match="is not granted to this user"):
        connect(user=user, private_key=private(key), role=one)
    client.run(f"ALTER USER {user} SET DISABLED = TRUE")
    with pytest.raises(Exception, match="User access disabled"):
        connect(user=user, private_key=private(key))


def test_warehouses_tell_what_they_are_to_whoever_may_use_them(client: Client) -> None:
    tail = uuid.uuid4().hex[:8].upper()
    client.run(f"CREATE RESOURCE MONITOR MONITOR_{tail} WITH CREDIT_QUOTA = 5")
    client.run(f"CREATE WAREHOUSE W_{tail}")

    def told() -> list[object]:
        [row] = client.run(f"SHOW WAREHOUSES LIKE 'w_{tail}'")
        return [row[3], row[5], row[6], row[8], row[9], row[11]]

    # The defaults of a new organisation.
    assert told() == ["X-Small", 600, "true", "true", "null", "2"]
    client.run(
        f"ALTER WAREHOUSE W_{tail} SET GENERATION = '1' ENABLE_QUERY_ACCELERATION = FALSE AUTO_SUSPEND = 60 "
        f"RESOURCE_MONITOR = MONITOR_{tail} WAREHOUSE_SIZE = SMALL"
    )
    assert told() == ["Small", 60, "true", "false", f"MONITOR_{tail}", "1"]
    assert client.errno(f"ALTER WAREHOUSE W_{tail} SET RESOURCE_MONITOR = NONE_SUCH") == 2003
    client.run(f"ALTER WAREHOUSE W_{tail} SET RESOURCE_MONITOR = NULL")
    assert told()[4] == "null"


def test_a_warehouse_is_suspended_once_and_resumes_with_the_next_query(client: Client) -> None:
    tail = uuid.uuid4().hex[:8].upper()
    client.run(f"CREATE WAREHOUSE W_{tail}")
    client.run(f"USE WAREHOUSE W_{tail}")

    def state() -> object:
        return client.run(f"SHOW WAREHOUSES LIKE 'w_{tail}'")[0][1]

    client.run(f"ALTER WAREHOUSE W_{tail} SUSPEND")
    assert state() == "SUSPENDED"
    assert client.errno(f"ALTER WAREHOUSE W_{tail} SUSPEND") == 90064
    client.run("CREATE TABLE ASKED (A INT)")
    client.run("SELECT COUNT(*) FROM ASKED")
    assert state() == "STARTED"


def test_a_user_s_parameters_hold_where_the_session_sets_none(
    client: Client, connect: Connect, key: RSAPrivateKey, names: tuple[str, str, str]
) -> None:
    user, one, _ = names
    make(client, names, key, options="TIMEZONE = 'America/Los_Angeles' TIMESTAMP_TYPE_MAPPING = TIMESTAMP_NTZ")
    session = connect(user=user, private_key=private(key), role=one, session_parameters={"TIMEZONE": "UTC"})

    [(name, value, default, *_)] = session.run("SHOW PARAMETERS LIKE 'timezone'")
    assert (name, value, default) == ("TIMEZONE", "UTC", "UTC")
    assert session.value("SELECT 1") == 1
    session.run("ALTER SESSION UNSET TIMEZONE")
    [(_, value, *_)] = session.run("SHOW PARAMETERS LIKE 'TIMEZONE' IN SESSION")
    assert value == "America/Los_Angeles"
    # Such a session is told of, and can do nothing that would depend on it.
    assert session.errno("SELECT CURRENT_TIMESTAMP()") == 2


def test_a_doubt_has_a_name_that_is_known(client: Client) -> None:
    assert client.errno("ALTER ACCOUNT SET EMULATED_DOUBTS = 'IT_RAINS'") == 1008


def test_a_lock_that_is_not_had_in_a_statement_s_own_time_is_a_timeout(
    client: Client, connect: Connect, database: str
) -> None:
    client.run("CREATE OR REPLACE TABLE HELD (A INT)")
    client.run("INSERT INTO HELD VALUES (1)")
    other = connect(database=database, schema="RAW", autocommit=False)
    other.run("UPDATE HELD SET A = 2")
    client.run("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1, LOCK_TIMEOUT = 30")
    try:
        assert client.errno("UPDATE HELD SET A = 3") == 630
    finally:
        other.run("ROLLBACK")
        client.run("ALTER SESSION UNSET STATEMENT_TIMEOUT_IN_SECONDS, LOCK_TIMEOUT")
