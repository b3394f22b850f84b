"""`python -m orchestration.env`: Terraform's output app_env goes into .env."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from ingest.errors import ConfigurationError
from orchestration.env import parse_output, update
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.snowflake.settings import SnowflakeSettings

REPOSITORY = Path(__file__).parents[2]
GIVEN = {
    "WAREHOUSE": "snowflake",
    "SNOWFLAKE_ACCOUNT": "MYORG-MYACCOUNT",
    "RAW_BUCKET": "dp-mailblaze-demo-dev-raw-3dfbc1",
}


def run(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestration.env", *arguments]
    return subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_settings_are_written_where_programs_look_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(tmp_path, json.dumps({**GIVEN, "RAW_SCHEMA": "LANDED"}))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY_PATH", "key.p8")
    assert done.returncode == 0, done.stderr
    assert "4 settings" in done.stdout
    assert SnowflakeSettings.load().account == "MYORG-MYACCOUNT"
    assert OrchestrationSettings.load().schemas.raw == "LANDED"


def test_other_lines_stay_as_they_are_and_given_ones_keep_their_place(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# mine\nEMAIL_SALT='a # b'\n\n  RAW_BUCKET=old # the first\nexport WAREHOUSE=duckdb\nno setting at all\n"
        'POSTGRES_DSN="several\nlines"\nRAW_BUCKET=older\nLAST=1'
    )

    update(file, GIVEN)

    assert file.read_text() == (
        "# mine\nEMAIL_SALT='a # b'\n\n  RAW_BUCKET=dp-mailblaze-demo-dev-raw-3dfbc1\nexport WAREHOUSE=snowflake\n"
        'no setting at all\nPOSTGRES_DSN="several\nlines"\nLAST=1\nSNOWFLAKE_ACCOUNT=MYORG-MYACCOUNT\n'
    )


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    update(file, GIVEN)
    once = file.read_text()

    update(file, GIVEN)

    assert file.read_text() == once
    assert dotenv_values(file) == GIVEN


def test_only_the_owner_may_read_the_file_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("EMAIL_SALT=secret\n")
    file.chmod(0o644)

    update(file, GIVEN)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "shared.env", tmp_path / ".env"
    file.write_text("")
    link.symlink_to(file)

    assert update(link, GIVEN) == file

    assert link.is_symlink()
    assert dotenv_values(file) == GIVEN


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing on standard input.*terraform apply"),
        ("Warning: No outputs found", "not JSON"),
        ("[]", "no JSON object"),
        ("{}", "no JSON object"),
        ('{"app_env": {"value": {}}}', "all of Terraform's outputs"),
        ('{"PATH": "/bin"}', "'PATH' is not a setting"),
        ('{"SNOWFLAKE_PRIVATE_KEY": "x"}', "SNOWFLAKE_PRIVATE_KEY is a secret"),
        ('{"SNOWFLAKE_PASSWORD": "x"}', "SNOWFLAKE_PASSWORD is a secret"),
        ('{"EMAIL_SALT": "x"}', "EMAIL_SALT is a secret"),
        ('{"RAW_BUCKET": "AKIAIOSFODNN7EXAMPLE"}', "RAW_BUCKET is a secret"),
        ('{"RAW_BUCKET": "two words"}', "not a plain name"),
        ('{"RAW_BUCKET": "x\\nEMAIL_SALT=y"}', "not a plain name"),
        ('{"RAW_BUCKET": "x\\n"}', "not a plain name"),
        ('{"RAW_BUCKET": "$(id)"}', "not a plain name"),
        ('{"SNOWFLAKE_PORT": 443}', "not a plain name"),
    ],
)
def test_anything_else_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        parse_output(text)


def test_a_refusal_is_one_message_and_leaves_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "my.env"
    file.write_text("EMAIL_SALT=mine\n")

    done = run(tmp_path, json.dumps({**GIVEN, "SNOWFLAKE_PASSWORD": "hunter2"}), "--file", "my.env")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    assert file.read_text() == "EMAIL_SALT=mine\n"


def test_a_directory_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no directory"):
        update(tmp_path / "nowhere" / ".env", GIVEN)


def test_terraform_gives_settings_alone() -> None:
    outputs = (REPOSITORY / "terraform" / "outputs.tf").read_text()
    block = outputs.split('output "app_env"')[1].split('output "')[0]
    variables = re.findall(r"^ {4}([A-Z_0-9]+) +=", block, flags=re.MULTILINE)

    assert len(variables) > 15
    assert parse_output(json.dumps(dict.fromkeys(variables, "x"))).keys() == set(variables)
