"""`python -m orchestration.warehouse doctor` in an account: one line for each check, and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from orchestration.warehouse.__main__ import main
from tests.snowflake.doctor.patient import Patient

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def doctor(patient: Patient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A function that runs the command with the service users' settings; its arguments are further settings."""
    lake, of = patient.account.lake_settings, patient.settings
    named = {
        "WAREHOUSE": "snowflake",
        "WAREHOUSE_DATABASE": patient.account.database,
        "SNOWFLAKE_USER": of.user,
        "SNOWFLAKE_PASSWORD": "",
        "SNOWFLAKE_PRIVATE_KEY": of.private_key.get_secret_value() if of.private_key else "",
        "SNOWFLAKE_DBT_USER": of.dbt_user or "",
        "SNOWFLAKE_DBT_PRIVATE_KEY": of.dbt_private_key.get_secret_value() if of.dbt_private_key else "",
        "RAW_BUCKET": lake.bucket,
        "AWS_ENDPOINT_URL": lake.endpoint_url or "",
        "AWS_REGION": lake.region,
    }

    def call(*arguments: str, **settings: str) -> tuple[int, str, str]:
        for name, value in (named | settings).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["warehouse", "doctor", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_a_well_account_ends_with_0_a_fault_with_1_and_bad_settings_with_2(patient: Patient, doctor: Command) -> None:
    well = doctor("--stream", "warehouses")
    faulty = doctor("--stream", "warehouses", "--generation", "2")
    bad = doctor(SNOWFLAKE_ACCOUNT="", SNOWFLAKE_PORT="none")

    assert well[0] == 0, well[1] + well[2]
    for word in ("expected", "seen", "what to do", "login: loader", "COPY_HISTORY", "0 not, "):
        assert word in well[1]
    assert faulty[0] == 1
    assert "SET GENERATION = '2'" in faulty[1]
    assert bad[0] == 2
    assert "SNOWFLAKE_PORT" in bad[2]
    said = "".join(well[1:] + faulty[1:] + bad[1:])
    assert patient.settings.private_key is not None
    assert not [line for line in patient.settings.private_key.get_secret_value().splitlines() if line in said]
