"""Logins with right and wrong key pairs, and their messages. No message holds a secret."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest.errors import AccessError, ConfigurationError, PlatformError, UnreachableError
from orchestration.settings import Schemas
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse
from tests.snowflake.account import Account
from tests.snowflake.keys import KeyPair, key_pair
from tests.snowflake.statement_proxy import Effect, Refused, Unavailable, statement_proxy

MINE, OTHER = key_pair("mine"), key_pair("other")
PASSPHRASE = "correct horse"
ENCRYPTED = key_pair("mine", PASSPHRASE)

LogIn = Callable[..., str]


def log_in(settings: SnowflakeSettings, database: str) -> str:
    """Log in and return the current user. Raises the login's error."""
    with SnowflakeWarehouse(settings, database, Schemas(), run_id="bad-login").connect() as session:
        [(user,)] = session.query("select current_user()")
    return str(user)


@pytest.fixture
def as_user(shared_account: Account, emulated: None) -> Iterator[LogIn]:
    """A function that logs in as a user whose public key is MINE, with given settings."""
    account = shared_account
    user = f"SVC_{uuid.uuid4().hex[:8].upper()}"
    role = account.settings.loader_role
    account.run(f"CREATE USER {user} TYPE = SERVICE RSA_PUBLIC_KEY = '{MINE.public}'")
    account.run(f"GRANT ROLE {role} TO USER {user}")

    def call(**settings: object) -> str:
        secrets = {name: SecretStr(value) if isinstance(value, str) else value for name, value in settings.items()}
        changed = account.settings.model_copy(update={"user": user, "password": None} | secrets)
        return log_in(changed, account.database)

    yield call
    account.run(f"DROP USER {user}")


def test_the_right_key_logs_in_by_text_and_by_file_encrypted_or_not(as_user: LogIn, tmp_path: Path) -> None:
    path = tmp_path / "rsa_key.p8"
    path.write_text(ENCRYPTED.private)

    by_text = as_user(private_key=MINE.private)
    by_one_line = as_user(private_key=MINE.private.replace("\n", "\\n"))
    by_file = as_user(private_key_path=path, private_key_passphrase=PASSPHRASE)

    assert by_text == by_one_line == by_file
    assert by_text.startswith("SVC_")


def test_the_second_key_of_a_rotation_is_tried_where_the_first_is_refused(as_user: LogIn) -> None:
    assert as_user(private_key=OTHER.private, private_key_2=MINE.private).startswith("SVC_")


def test_dbt_is_given_the_key_that_is_accepted(shared_account: Account, emulated: None) -> None:
    user, settings = f"SVC_{uuid.uuid4().hex[:8].upper()}", shared_account.settings
    shared_account.run(f"CREATE USER {user} TYPE = SERVICE RSA_PUBLIC_KEY = '{MINE.public}'")
    shared_account.run(f"GRANT ROLE {settings.transformer_role} TO USER {user}")
    keys = {"private_key": SecretStr(OTHER.private), "private_key_2": SecretStr(MINE.private)}
    rotating = settings.model_copy(update={"user": user, "password": None} | keys)
    warehouse = SnowflakeWarehouse(rotating, shared_account.database, Schemas(), run_id="rotation")

    assert warehouse.dbt_environment()["SNOWFLAKE_PRIVATE_KEY"] == MINE.private
    assert MINE.private.splitlines()[1] in warehouse.secrets


def test_keys_that_are_not_the_user_s_are_refused_with_the_statement_that_sets_one(as_user: LogIn) -> None:
    with pytest.raises(AccessError, match=r"refuses the key of user SVC_\w+: .*ALTER USER SVC_\w+ SET RSA_PUBLIC_KEY"):
        as_user(private_key=OTHER.private, private_key_2=key_pair("third").private)


@pytest.mark.parametrize(
    ("key", "passphrase", "said"),
    [
        (ENCRYPTED, None, "SNOWFLAKE_PRIVATE_KEY: the key is encrypted. Set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE."),
        (ENCRYPTED, "wrong horse", "the passphrase is wrong"),
        (MINE, PASSPHRASE, "the key is not encrypted, but a passphrase is set"),
        (KeyPair("no key at all", ""), None, "SNOWFLAKE_PRIVATE_KEY: this is no private key in PEM"),
    ],
    ids=["no passphrase", "wrong passphrase", "needless passphrase", "no key"],
)
def test_a_key_that_cannot_be_read_is_told_by_its_setting_and_never_shown(
    key: KeyPair, passphrase: str | None, said: str
) -> None:
    settings = SnowflakeSettings.of(
        {"SNOWFLAKE_ACCOUNT": "A-B", "SNOWFLAKE_PRIVATE_KEY": key.private}
        | ({"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": passphrase} if passphrase else {})
    )

    with pytest.raises(AccessError) as raised:
        log_in(settings, "DB")

    assert said in str(raised.value)
    assert raised.value.exit_code == 2
    shown = f"{raised.value}{raised.value!r}{settings!r}"
    assert not [line for line in key.lines() if line in shown]
    assert not passphrase or passphrase not in shown


def test_a_key_file_that_is_not_there_is_named() -> None:
    path = "/nowhere/rsa_key.p8"
    settings = SnowflakeSettings.of({"SNOWFLAKE_ACCOUNT": "A-B", "SNOWFLAKE_PRIVATE_KEY_PATH": path})

    with pytest.raises(ConfigurationError, match="SNOWFLAKE_PRIVATE_KEY_PATH: cannot read the file that it names"):
        log_in(settings, "DB")


FAILURE = "4cb8e42d-759a-48da-99b4-0c6a009a5191"
ANSWERS: dict[str, tuple[Effect, type[PlatformError], str]] = {
    "an expired token": (
        Refused(394301, "08001", f"JWT token has expired. [{FAILURE}]"),
        AccessError,
        r"refuses the key of user \w+: .*expired.* A wrong clock",
    ),
    "a token that is not valid yet": (
        Refused(390144, "08001", f"JWT token is invalid. [{FAILURE}]"),
        AccessError,
        rf"refuses the key of user \w+: .*A wrong clock.*SYSTEM\$GET_LOGIN_FAILURE_DETAILS\('{FAILURE}'\);",
    ),
    "a token of another account": (
        Refused(394307, "08001", f"JWT_TOKEN_ACCOUNT_MISMATCH [{FAILURE}]"),
        AccessError,
        r"refuses the key of user \w+: .*wrong SNOWFLAKE_ACCOUNT",
    ),
    "a token, by the connector's own number": (
        Refused(250001, "08001", "JWT token is invalid."),
        AccessError,
        r"refuses the key of user \w+: .*has the same effect\.$",
    ),
    "a role that is not the user's": (
        Refused(
            390186,
            "08001",
            "Role 'DP_MAILBLAZE_DEMO_DEV_LOADER' specified in the connect string is not granted to this user. Contact "
            "your local system administrator, or attempt to login with another role, e.g. PUBLIC.",
        ),
        AccessError,
        r"GRANT ROLE DP_MAILBLAZE_DEMO_DEV_LOADER TO USER \w+;",
    ),
    "a disabled user": (
        Refused(390101, "08001", "User access disabled. Contact your local system administrator."),
        AccessError,
        r"refuses to log in user \w+: .*User access disabled",
    ),
    "a role, by the connector's own number": (
        Refused(250001, "08001", "Role 'X' specified in the connect string does not exist or not authorized."),
        AccessError,
        r"GRANT ROLE DP_MAILBLAZE_DEMO_DEV_LOADER TO USER \w+;",
    ),
    "a network policy, by the connector's own number": (
        Refused(250001, "08001", "Incoming request with IP/Token 203.0.113.9 is not allowed to access Snowflake."),
        AccessError,
        r"network policy .*203\.0\.113\.9.*service_ip_ranges",
    ),
    "a network policy": (
        Refused(390422, "08001", "Incoming request with IP/Token 203.0.113.9 is not allowed to access Snowflake."),
        AccessError,
        r"network policy .*203\.0\.113\.9",
    ),
    "no such account, says the front": (Unavailable(404), UnreachableError, "ORGANIZATION-ACCOUNT"),
    "no such account, says the firewall": (Unavailable(403), UnreachableError, "ORGANIZATION-ACCOUNT"),
}


def test_what_snowflake_says_to_a_login_is_told_with_the_way_out(
    shared_account: Account, emulated: None, subtests: pytest.Subtests
) -> None:
    account = shared_account
    with statement_proxy(str(account.settings.host), account.settings.port) as (proxy, port):
        settings = account.settings.model_copy(
            update={"host": "127.0.0.1", "port": port, "password": None, "private_key": SecretStr(MINE.private)}
        )
        for case, (answer, expected, words) in ANSWERS.items():
            with subtests.test(case):
                proxy.on_login(answer)

                with pytest.raises(expected, match=words) as raised:
                    log_in(settings, account.database)

                assert raised.value.exit_code == 2
                assert "\n" not in str(raised.value)
                assert not [line for line in MINE.lines() if line in str(raised.value)]


def test_an_address_at_which_nothing_answers_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    settings = SnowflakeSettings.of(
        {
            "SNOWFLAKE_ACCOUNT": "A-B",
            "SNOWFLAKE_HOST": "127.0.0.1",
            "SNOWFLAKE_PORT": str(port),
            "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_PASSWORD": "x",
            "SNOWFLAKE_LOGIN_TIMEOUT_SECONDS": "1",
        }
    )

    with pytest.raises(UnreachableError, match=r"Snowflake does not answer at 127\.0\.0\.1"):
        log_in(settings, "DB")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "SNOWFLAKE_ACCOUNT is not set"),
        ({"SNOWFLAKE_ACCOUNT": "A-B"}, "neither SNOWFLAKE_PRIVATE_KEY_PATH nor SNOWFLAKE_PRIVATE_KEY"),
        ({"SNOWFLAKE_ACCOUNT": "A-B", "SNOWFLAKE_PASSWORD": "hunter2"}, "only for an emulator on this machine"),
        (
            {
                "SNOWFLAKE_ACCOUNT": "A-B",
                "SNOWFLAKE_PASSWORD": "hunter2",
                "SNOWFLAKE_HOST": "a-b.example",
            },
            "only for an emulator on this machine",
        ),
        (
            {
                "SNOWFLAKE_ACCOUNT": "A-B",
                "SNOWFLAKE_PRIVATE_KEY": "k",
                "SNOWFLAKE_HOST": "x.y",
                "SNOWFLAKE_PROTOCOL": "http",
            },
            "SNOWFLAKE_PROTOCOL=http is accepted only for an emulator on this machine",
        ),
        ({"SNOWFLAKE_ACCOUNT": "A-B", "SNOWFLAKE_PORT": "often"}, "SNOWFLAKE_PORT"),
    ],
    ids=["nothing", "no key", "a password", "a password and a host", "http", "a bad number"],
)
def test_settings_that_cannot_be_right_are_named_and_never_shown(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for field in SnowflakeSettings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as raised:
        SnowflakeSettings.load()

    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert raised.value.exit_code == 2
