"""docs/FIRST_ACCOUNT.md, followed block by block in an emulated AWS and an emulated Snowflake."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import snowflake.connector

from local.environment import clean_environment
from local.processes import ProcessGroup
from local.servers.s3_server import start_s3
from local.servers.saas_server import SaasServer
from local.servers.shop import Shop
from local.snowflake.server import EMULATOR_PYTHON, SnowflakeEmulator, start_snowflake_emulator
from local.up import write_env_file
from tests.terraform.emulated_aws import EmulatedAws
from tests.terraform.runner import REPOSITORY, Terraform

ACCOUNT = "443414059898"
SUFFIX = "3f1a57"
BUCKET = f"dp-mailblaze-demo-dev-raw-{SUFFIX}"
STATES = f"dp-mailblaze-demo-tfstate-{ACCOUNT}"
ADMIN = "ADMIN"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BY_HAND = "make install\n"
"""What the tests themselves run in."""


@dataclass(frozen=True)
class Block:
    """A block of the page: its language (empty for a shell's) and its text."""

    language: str
    text: str


def blocks() -> list[Block]:
    page = (REPOSITORY / "docs" / "FIRST_ACCOUNT.md").read_text(encoding="utf-8")
    return [Block(*found) for found in _BLOCK.findall(page)]


@dataclass
class Walk:
    """The terminal of the page, in a folder laid out like the repository. Variables last from block to block."""

    folder: Path
    environment: Mapping[str, str]
    values: dict[str, str]
    aws: EmulatedAws
    account: SnowflakeEmulator
    said: list[str] = field(default_factory=list)

    def run(self, block: Block) -> subprocess.CompletedProcess[str]:
        """Run a block of shell, whatever its exit code."""
        kept = shlex.quote(str(self.folder / ".variables"))
        script = (
            f"[ ! -e {kept} ] || source {kept}\nset -e -o pipefail\n{self.filled(block.text)}\nexport -p > {kept}\n"
        )
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        self.said.append(done.stdout)
        return done

    def must(self, block: Block) -> str:
        """Return the output of a block, which must succeed."""
        done = self.run(block)
        assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def filled(self, text: str) -> str:
        """Return the block with the reader's own values in place of `<...>`."""
        filled = re.sub(r"<([a-z ]+)>", lambda found: self.values[found[1]], text)
        assert not re.search(r"<[a-z ]+>", filled), filled
        return filled


@pytest.fixture
def walk(
    terraform: Terraform,
    processes: ProcessGroup,
    shop_database: Shop,
    mock_saas_server: SaasServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Walk:
    if not EMULATOR_PYTHON.exists():
        pytest.skip("the emulated Snowflake is not installed: `make test-terraform` does so")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    aws = EmulatedAws(start_s3(processes, tmp_path, tmp_path).ready())
    key = aws.make_administrator()
    in_aws = aws.environment | {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret_access_key}
    account = start_snowflake_emulator(processes, tmp_path, tmp_path, in_aws, name="first-account").ready()
    as_owner(account, f"CREATE USER {ADMIN} TYPE = PERSON", f"GRANT ROLE ACCOUNTADMIN TO USER {ADMIN}")
    folder = lay_out(terraform, tmp_path / "repository")
    sources = {
        "POSTGRES_DSN": shop_database.ingest_dsn,
        "SAAS_BASE_URL": mock_saas_server.base_url,
        "SAAS_API_KEY": mock_saas_server.api_key,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",  # the stack's own, which the page leaves alone
    }
    write_env_file(folder / ".local" / "stack.env", sources)
    settings = {
        **terraform.environment,
        "HOME": str(tmp_path),
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "REAL_TERRAFORM": terraform.binary,
        "AWS_ENDPOINT_URL": aws.server.endpoint_url,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        # An emulated account is no name in a zone of Snowflake's.
        **{name: account.environment[name] for name in ("SNOWFLAKE_HOST", "SNOWFLAKE_PORT", "SNOWFLAKE_PROTOCOL")},
        **{name: value for name, value in os.environ.items() if name.startswith("TF_")},
    }
    values = {
        "access key": key.access_key_id,
        "secret key": key.secret_access_key,
        "organization": "EMULATED",
        "account name": account.environment["SNOWFLAKE_ACCOUNT"],
        "aws user": "administrator",
        "user": ADMIN,
        "suffix": SUFFIX,
        "digits": ACCOUNT,
    }
    return Walk(folder, clean_environment(settings), values, aws, account)


def lay_out(terraform: Terraform, folder: Path) -> Path:
    """Return a folder with the files that the page names, and this test's `terraform`."""
    shutil.copytree(terraform.root / "terraform", folder / "terraform", ignore=shutil.ignore_patterns(".terraform*"))
    stand_in = Path(__file__).parent / "first_account"
    (folder / "first_account").mkdir()
    shutil.copy(stand_in / "main.tf", folder / "first_account")
    for name in ("common", "ingest", "orchestration", "dbt", ".venv"):
        (folder / name).symlink_to(REPOSITORY / name)
    (folder / ".local").mkdir()
    (folder / "bin").mkdir()
    program = folder / "bin" / "terraform"
    module = "tests.terraform.first_account.terraform"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(REPOSITORY))} exec {shlex.quote(sys.executable)} -m {module} "$@"\n'
    )
    program.chmod(0o755)
    return folder


def as_owner(account: SnowflakeEmulator, *statements: str) -> None:
    """Run statements as the account's owner, as in a worksheet."""
    named = account.environment
    connection = snowflake.connector.connect(
        account=named["SNOWFLAKE_ACCOUNT"],
        user=named["SNOWFLAKE_USER"],
        password=named["SNOWFLAKE_PASSWORD"],
        host=named["SNOWFLAKE_HOST"],
        port=int(named["SNOWFLAKE_PORT"]),
        protocol=named["SNOWFLAKE_PROTOCOL"],
        platform_detection_timeout_seconds=0.0,
        session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    )
    with closing(connection), closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)


def faults(printed: str) -> set[str]:
    """Return the checks that a doctor's table marks as faults."""
    rows = (re.split(r"\s{2,}", line.strip()) for line in printed.splitlines())
    return {row[1] for row in rows if row[0] == "FAULT"}


def test_the_page_goes_from_two_empty_accounts_to_a_first_run_and_back(walk: Walk) -> None:
    steps = iter(blocks())
    accounts, own_key, worksheet, install, state, keys, apply, settings, source, doctors, run, down = steps
    assert install.text == _BY_HAND

    walk.must(accounts)
    walk.values["public key"] = walk.must(own_key)
    assert worksheet.language == "sql"
    as_owner(walk.account, walk.filled(worksheet.text).rstrip().rstrip(";"))
    for block in (state, keys, apply, settings, source):
        walk.must(block)

    walk.aws.enforce_iam(True)
    looked = walk.run(doctors)
    walk.aws.enforce_iam(False)
    # moto cannot judge the bucket's policy, so that it is away; the tests' provider lives at a time of its own.
    without_policy = {"bucket: TLS", "bucket: commits", "writer: write over a commit"}
    assert faults(looked.stdout) == {*without_policy, "api: clock"}, looked.stdout + looked.stderr
    assert "login: loader" not in looked.stdout  # the first doctor ended with 1, and the block with it
    second = Block("", doctors.text.splitlines()[-1])
    assert faults(walk.must(second)) == set()

    printed = walk.must(run)
    assert "Completed" in printed or "equal" in printed
    assert faults(printed) == set()
    assert re.search(r"^\S* *[1-9]\d* *\S*$", printed, re.MULTILINE)

    walk.must(down)
    assert [bucket["Name"] for bucket in walk.aws.client("s3").list_buckets()["Buckets"]] == [STATES]
    assert walk.aws.client("iam").list_roles()["Roles"] == []
    assert not (walk.folder / ".env").exists()
    secrets = [line for line in "".join(walk.said).splitlines() if "PRIVATE KEY" in line]
    assert secrets == []
