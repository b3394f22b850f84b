"""The emulated account as a child process."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import ConfigurationError
from local.processes import ProcessGroup
from local.run_directory import RunDirectory
from local.snowflake import server as snowflake_emulator
from local.snowflake.account import integration_of, provision
from local.snowflake.server import start_snowflake_emulator

REAL = {"SNOWFLAKE_ACCOUNT": "MYORG-MYACCOUNT", "SNOWFLAKE_USER": "X", "SNOWFLAKE_PRIVATE_KEY": "key"}


def test_where_it_is_not_installed_we_say_how_to_install_it(
    processes: ProcessGroup, run_directory: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snowflake_emulator, "EMULATOR_PYTHON", tmp_path / "python")

    with pytest.raises(ConfigurationError, match="is not installed") as caught:
        start_snowflake_emulator(processes, run_directory.path, tmp_path, {})

    assert "make demo WAREHOUSE=snowflake" in str(caught.value)


def test_a_real_account_is_left_to_terraform() -> None:
    with pytest.raises(ConfigurationError, match="provisioned by Terraform"):
        provision(REAL, bucket="lake")


def test_the_documents_bucket_has_terraforms_integration() -> None:
    assert integration_of("dp-mailblaze-demo-dev-raw-3dfbc1") == "DP_MAILBLAZE_DEMO_DEV_S3_INT"
    assert integration_of("lake-1") == "DP_MAILBLAZE_DEMO_DEV_S3_INT_LAKE_1"
