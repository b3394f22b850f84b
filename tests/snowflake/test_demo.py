"""`make demo WAREHOUSE=snowflake`: the whole pipeline, by the same flow, into an account."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from ingest.contracts.registry import PACKAGED, ContractRegistry
from local.environment import clean_environment
from local.snowflake.server import EMULATOR_PYTHON
from orchestration.settings import Schemas
from orchestration.warehouse.ops.tables import READERS_VIEWS
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from tests.dbt.running.project import mart_names
from tests.snowflake.account import USERS_ACCOUNT, connect, new_database, provisioned
from tests.snowflake.lake_bucket import fresh_bucket

DEMO = (sys.executable, "-m", "local", "demo", "--warehouse", "snowflake", "--scale", "0.05")
MARTS = mart_names() - READERS_VIEWS
STREAMS = {contract.stream for contract in ContractRegistry.load(PACKAGED).values()}


def run_demo(state: Path, environment: Mapping[str, str]) -> str:
    """Run the demo, which must succeed, and return its output."""
    result = subprocess.run(
        DEMO,
        cwd=state,
        env=clean_environment({"LOCAL_STATE": str(state), "COLUMNS": "120", **environment}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    return result.stdout


def proves_itself(text: str) -> None:
    """Check that both runs were reconciled for every stream, and that every mart has rows."""
    lines = [line.split() for line in text.splitlines()]
    assert {line[0] for line in lines if line and line[-1] == "equal"} == STREAMS
    assert f"After run 1: equal for {len(STREAMS)} of {len(STREAMS)}." in text
    counted = {line[0]: int(line[1].replace(",", "")) for line in lines if len(line) == 2 and line[0] in MARTS}
    assert counted.keys() == MARTS
    assert all(counted.values())


def test_without_an_account_it_says_so_and_uses_an_emulated_one(tmp_path: Path) -> None:
    if USERS_ACCOUNT:
        pytest.skip("the other test runs the demo in the account that SNOWFLAKE_* names")
    if not EMULATOR_PYTHON.exists():
        pytest.skip("the emulated account is not installed: `make test-snowflake` installs it")
    text = run_demo(tmp_path, {})

    assert "No SNOWFLAKE_ACCOUNT is set: this is an EMULATED account, on this machine." in text
    proves_itself(text)


def test_an_account_of_the_user_s_is_loaded_from_the_user_s_lake(
    snowflake_environment: Mapping[str, str], tmp_path: Path
) -> None:
    if not USERS_ACCOUNT:
        pytest.skip("no SNOWFLAKE_ACCOUNT is set")
    settings = SnowflakeSettings.of(snowflake_environment)
    with fresh_bucket(snowflake_environment) as lake, closing(connect(snowflake_environment)) as owner:
        database = new_database()
        with provisioned(owner, settings, database, lake.bucket) as names:
            roles = {
                str(SnowflakeSettings.model_fields[name].validation_alias): getattr(names, name)
                for name in ("loader_role", "transformer_role", "reader_role", "transform_warehouse", "bi_warehouse")
            }
            own = {**snowflake_environment, **roles, "WAREHOUSE_DATABASE": database, "RAW_BUCKET": lake.bucket}
            text = run_demo(tmp_path, own)
            kept = owner.cursor().execute(f"SELECT COUNT(*) FROM {database}.{Schemas().raw}._LOADS").fetchone()

    assert f"to the S3 lake {lake.bucket}, to the Snowflake account {settings.account}" in text.replace("\n", "")
    proves_itself(text)
    assert kept[0] > len(STREAMS)
