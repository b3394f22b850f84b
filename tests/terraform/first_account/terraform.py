"""`terraform` as docs/FIRST_ACCOUNT.md types it, for accounts that are emulated. The test puts it first on PATH.

AWS is applied by the real program (REAL_TERRAFORM), to moto. Snowflake's provider only works with real accounts: here
the statements that stand for it are run (`local.snowflake.account`), as SNOWFLAKE_USER with SNOWFLAKE_PRIVATE_KEY.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import boto3
import snowflake.connector
from cryptography.hazmat.primitives import serialization

from local.snowflake.account import provision_statements
from orchestration.settings import Schemas
from orchestration.warehouse.snowflake.settings import SnowflakeSettings

ROOT, BOOTSTRAP, STAND_IN = "terraform", "terraform/bootstrap", "first_account"
DATABASE = "DP_MAILBLAZE_DEMO_DEV_DB"
_ACCOUNT = "TF_VAR_snowflake_account"
USERS = {"loader": "DP_MAILBLAZE_DEMO_DEV_SVC_LOADER", "dbt": "DP_MAILBLAZE_DEMO_DEV_SVC_DBT"}


def main(arguments: Sequence[str]) -> int:
    folder = arguments[0].removeprefix("-chdir=")
    command, options = arguments[1], list(arguments[2:])
    if command in ("apply", "destroy"):
        options.append("-auto-approve")  # in place of the answer `yes`
    if folder == BOOTSTRAP:
        return _bootstrap(command, options)
    assert folder == ROOT, folder
    if command == "output":
        return _output(options)
    if command == "apply" and (code := _plan_the_whole(options)):
        return code
    if command == "destroy":
        _drop_delete_markers(str(_outputs()["bucket"]))
    code = _run(STAND_IN, command, [_beside(option) for option in options])
    if code == 0 and command == "apply":
        # moto takes a denial for met whatever its condition is; and plain HTTP is all that it speaks.
        boto3.client("s3").delete_bucket_policy(Bucket=_outputs()["bucket"])
        _in_snowflake(_made())
    if code == 0 and command == "destroy":
        _in_snowflake([f"DROP DATABASE {DATABASE}", *(f"DROP USER {user}" for user in USERS.values())])
    return code


def _bootstrap(command: str, options: list[str]) -> int:
    override = Path(BOOTSTRAP) / "emulated_override.tf"
    override.write_text('provider "aws" {\n  s3_use_path_style = true\n}\n', encoding="utf-8")
    if command == "apply":
        options += [f"-target=aws_s3_bucket_{part}.state" for part in ("versioning", "public_access_block")]
    return _run(BOOTSTRAP, command, options)


def _plan_the_whole(options: Sequence[str]) -> int:
    """Plan the whole root with the page's variables, including the Snowflake part, before any of it exists."""
    [variables] = [option for option in options if option.startswith("-var-file=")]
    planned = _run(ROOT, "init", ["-backend=false"])
    return planned or _run(ROOT, "test", ["-test-directory=tests/environments", variables])


def _drop_delete_markers(bucket: str) -> None:
    """Remove delete markers. moto cannot once a bucket has no versioning any more, AWS can."""
    s3 = boto3.client("s3")
    for marker in s3.list_object_versions(Bucket=bucket).get("DeleteMarkers", []):
        s3.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])


def _output(options: Sequence[str]) -> int:
    """Print `-json NAME` of the objects made here."""
    assert options[0] == "-json", options
    lake, names = _outputs(), SnowflakeSettings.model_fields
    outputs = {
        "aws_role_arns": lake["aws_role_arns"],
        "app_env": {
            "ENVIRONMENT": "dev",
            "AWS_REGION": os.environ["AWS_REGION"],
            "RAW_BUCKET": lake["bucket"],
            "WAREHOUSE": "snowflake",
            "WAREHOUSE_DATABASE": DATABASE,
            "SNOWFLAKE_ACCOUNT": os.environ[_ACCOUNT],
            "SNOWFLAKE_USER": USERS["loader"],
            "SNOWFLAKE_DBT_USER": USERS["dbt"],
            "SNOWFLAKE_LOADER_ROLE": names["loader_role"].default,
        },
    }
    print(json.dumps(outputs[options[1]]))
    return 0


def _made() -> Iterator[str]:
    of = SnowflakeSettings.model_construct()
    yield from provision_statements(of, DATABASE, Schemas(), _outputs()["bucket"], user=os.environ["SNOWFLAKE_USER"])
    roles = {"loader": [of.loader_role], "dbt": [of.transformer_role, of.reader_role]}
    for user, name in USERS.items():
        pem = os.environ[f"TF_VAR_{user}_public_key"]
        key = "".join(line for line in pem.splitlines() if "PUBLIC KEY" not in line)
        options = f"TYPE = SERVICE DEFAULT_SECONDARY_ROLES = () TIMEZONE = 'UTC' RSA_PUBLIC_KEY = '{key}'"
        yield f"CREATE USER {name} {options}"
        yield from (f"GRANT ROLE {role} TO USER {name}" for role in roles[user])


def _in_snowflake(statements: Iterator[str] | Sequence[str]) -> None:
    pem = os.environ["SNOWFLAKE_PRIVATE_KEY"].encode()
    der = serialization.load_pem_private_key(pem, None).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    connection = snowflake.connector.connect(
        account=os.environ[_ACCOUNT],
        user=os.environ["SNOWFLAKE_USER"],
        authenticator="SNOWFLAKE_JWT",
        private_key=der,
        role="ACCOUNTADMIN",
        host=os.environ["SNOWFLAKE_HOST"],
        port=int(os.environ["SNOWFLAKE_PORT"]),
        protocol=os.environ["SNOWFLAKE_PROTOCOL"],
        platform_detection_timeout_seconds=0.0,
        session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    )
    with closing(connection), closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)


def _outputs() -> dict[str, object]:
    shown = subprocess.run(
        [os.environ["REAL_TERRAFORM"], f"-chdir={STAND_IN}", "output", "-json"], check=True, capture_output=True
    )
    return {name: output["value"] for name, output in json.loads(shown.stdout).items()}


def _run(folder: str, command: str, options: Sequence[str]) -> int:
    real = os.environ["REAL_TERRAFORM"]
    return subprocess.run([real, f"-chdir={folder}", command, *options, "-no-color"], check=False).returncode


def _beside(option: str) -> str:
    """Return an option's path, relative to the folder that replaces the root."""
    return option.replace("environments/", "../terraform/environments/")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
