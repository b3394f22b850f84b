"""`python -m orchestration.warehouse` on bad days: one message, an exit code, no traceback and no secret."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from ingest.contracts.registry import ContractRegistry
from tests.orchestration.lake_builder import LakeBuilder
from tests.snowflake.account import Account
from tests.snowflake.keys import key_pair
from tests.snowflake.statement_proxy import Lost, Refused, StatementProxy

MINE, OTHER = key_pair("mine"), key_pair("other")


@dataclass(frozen=True)
class Answer:
    """The result of a command."""

    code: int
    stdout: str
    stderr: str

    def message(self) -> str:
        """Return its error message, which must be the only one and one line."""
        assert "Traceback" not in self.stdout + self.stderr
        [said] = [line for line in self.stderr.splitlines() if line.startswith("error ")]
        return said


Run = Callable[[Mapping[str, str]], Answer]


@pytest.fixture
def load(shared_account: Account, proxy: tuple[StatementProxy, int]) -> Iterator[Run]:
    """A function that runs `load` of a packaged stream with one new version, through the proxy, with changed
    variables.
    """
    control, port = proxy
    lake = LakeBuilder(shared_account.store, ContractRegistry.load()["warehouses"])
    lake.snapshot([{"warehouse_id": 1}, {"warehouse_id": 2}])

    def call(changes: Mapping[str, str]) -> Answer:
        environment = {
            **os.environ,
            **shared_account.environment,
            "WAREHOUSE": "snowflake",
            "WAREHOUSE_DATABASE": shared_account.database,
            "RAW_BUCKET": shared_account.lake_settings.bucket,
            "SNOWFLAKE_PORT": str(port),
            "SNOWFLAKE_NETWORK_TIMEOUT_SECONDS": "1",
            "COLUMNS": "200",
        }
        command = [sys.executable, "-m", "orchestration.warehouse", "load", "--stream", "warehouses"]
        wanted = {name: value for name, value in (environment | changes).items() if value}
        ended = subprocess.run(command, env=wanted, capture_output=True, text=True, timeout=120)
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    control.calm()
    yield call
    control.calm()


def test_without_an_account_the_command_says_which_setting_is_missing(load: Run) -> None:
    answer = load({"SNOWFLAKE_ACCOUNT": ""})

    assert answer.code == 2
    assert "SNOWFLAKE_ACCOUNT is not set" in answer.message()


def test_a_refused_key_ends_the_command_with_2_and_is_not_shown(load: Run, shared_account: Account) -> None:
    shared_account.run(f"CREATE OR REPLACE USER SVC_COMMAND TYPE = SERVICE RSA_PUBLIC_KEY = '{MINE.public}'")

    answer = load({"SNOWFLAKE_USER": "SVC_COMMAND", "SNOWFLAKE_PASSWORD": "", "SNOWFLAKE_PRIVATE_KEY": OTHER.private})

    assert answer.code == 2
    assert "refuses the key of user SVC_COMMAND" in answer.message()
    assert not [line for line in OTHER.lines() if line in answer.stdout + answer.stderr]


def test_a_missing_privilege_ends_the_command_with_2_and_the_grant(
    load: Run, proxy: tuple[StatementProxy, int]
) -> None:
    refusal = Refused(
        3001, "42501", "SQL access control error:\nInsufficient privileges to operate on table 'WAREHOUSES'"
    )
    proxy[0].on("^COPY", refusal)

    answer = load({})

    assert answer.code == 2
    assert "error warehouses: role DP_MAILBLAZE_DEMO_DEV_LOADER lacks INSERT on table" in answer.message()
    assert "GRANT INSERT ON TABLE" in answer.message()


def test_a_lost_connection_is_tried_again_and_the_command_ends_well(
    load: Run, proxy: tuple[StatementProxy, int], shared_account: Account
) -> None:
    proxy[0].on("^COPY", Lost(after=True))

    answer = load({})

    assert (answer.code, "Traceback" in answer.stderr) == (0, False), answer.stderr
    [(versions, newest)] = shared_account.rows(
        "select count(*), max(version) from raw._loads where stream = 'warehouses'"
    )
    [(rows,)] = shared_account.rows("select count(*) from raw.warehouses")
    assert versions == newest
    assert rows == 2 * int(str(newest))
