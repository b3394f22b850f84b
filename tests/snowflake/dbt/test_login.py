"""How dbt logs in: by a key, from a file or as text; by a password to an emulator on this machine alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.dbt.running.project import Dbt
from tests.snowflake.account import Account
from tests.snowflake.keys import key_pair

PASSPHRASE = "open sesame"
KEY = key_pair("dbt", PASSPHRASE)


@pytest.fixture
def user(account: Account, emulated: None) -> str:
    """A user of the account who has KEY."""
    name = f"DBT_{uuid4().hex[:8].upper()}"
    account.run(
        f"CREATE USER {name} TYPE = SERVICE RSA_PUBLIC_KEY = '{KEY.public}'",
        f"GRANT ROLE {account.settings.transformer_role} TO USER {name}",
    )
    return name


def as_a_file(pem: str, folder: Path) -> dict[str, str]:
    """Return the key's settings for a file. The other setting exists and is empty, as in .env.example."""
    path = folder / "key.p8"
    path.write_text(pem)
    return {"SNOWFLAKE_PRIVATE_KEY_PATH": str(path), "SNOWFLAKE_PRIVATE_KEY": ""}


def as_a_line(pem: str, folder: Path) -> dict[str, str]:
    """Return the key's settings as text in one line of a `.env` file."""
    return {"SNOWFLAKE_PRIVATE_KEY": pem.replace("\n", "\\n")}


@pytest.mark.parametrize("place", [as_a_file, as_a_line])
def test_dbt_logs_in_by_key(
    user: str, account: Account, tmp_path: Path, place: Callable[[str, Path], dict[str, str]]
) -> None:
    given = account.warehouse().dbt_environment()
    variables = {name: value for name, value in given.items() if name != "SNOWFLAKE_PASSWORD"}
    variables |= {"SNOWFLAKE_USER": user, "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": PASSPHRASE}
    dbt = Dbt(tmp_path, variables={**variables, **place(KEY.private, tmp_path), "DBT_TARGET": "snowflake"})
    result = dbt.succeed("debug", "--connection")
    assert "Connection test: [OK connection ok]" in result.output
    assert PASSPHRASE not in result.output


def test_dbt_takes_no_password_to_an_account(account: Account, emulated: None, tmp_path: Path) -> None:
    # The emulator answers at this address too, but it is not one of this machine alone.
    variables = {**account.warehouse().dbt_environment(), "SNOWFLAKE_HOST": "0.0.0.0"}  # noqa: S104
    result = Dbt(tmp_path, variables={**variables, "DBT_TARGET": "snowflake"}).run("debug", "--connection")
    assert result.code != 0
    assert "password" in result.output.lower()
