"""The raw lake, applied to an emulated AWS and used with the credentials of its roles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ingest.lake.layout import LOG
from local.servers.saas_server import SaasServer
from tests.terraform import deployment
from tests.terraform.emulated_aws import Credentials, EmulatedAws
from tests.terraform.runner import Terraform

ACCOUNT = "443414059898"
BUCKET = "dp-mailblaze-demo-dev-raw-3dfbc1"
PREFIX = "dp-mailblaze-demo-dev"
DEPLOY_ROLE = f"{PREFIX}-github-deploy"
STATE_BUCKET = f"dp-mailblaze-demo-tfstate-{ACCOUNT}"
EXTERNAL_ID = "MYORG_SFCRole=2_abc="
FOLDER = "emulated"
BOOTSTRAP = "terraform/bootstrap"


class Lake:
    """The lake and its life cycle, step by step."""

    def __init__(self, aws: EmulatedAws, terraform: Terraform) -> None:
        self._aws = aws
        self._terraform = terraform
        self._sessions: dict[str, Credentials] = {}
        self._variables: list[str] = []

    def make_place_for_the_state(self) -> None:
        """Apply terraform/bootstrap without its policy, because moto applies a denial whatever its condition."""
        override = self._terraform.root / BOOTSTRAP / "emulated_override.tf"
        override.write_text('provider "aws" {\n  s3_use_path_style = true\n}\n')
        self._terraform.init(BOOTSTRAP)
        targets = [f"-target=aws_s3_bucket_{part}.state" for part in ("versioning", "public_access_block")]
        self._terraform.succeed(BOOTSTRAP, "apply", "-auto-approve", *targets)

    def apply(self) -> None:
        sqs = self._aws.client("sqs")
        url = sqs.create_queue(QueueName="sf-snowpipe")["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        given = {"account_id": ACCOUNT, "queue_arn": queue, "snowflake_external_id": EXTERNAL_ID}
        self._variables = [f"-var={name}={value}" for name, value in given.items()]
        self._terraform.init(FOLDER, f"-backend-config=bucket={STATE_BUCKET}")
        self._terraform.succeed(FOLDER, "apply", "-auto-approve", *self._variables)

    def assert_second_plan_is_empty(self) -> None:
        planned = self._terraform.run(FOLDER, "plan", "-detailed-exitcode", *self._variables)
        assert planned.returncode == 0, planned.stdout + planned.stderr

    def assert_state_can_be_locked(self) -> None:
        lock = {"Bucket": STATE_BUCKET, "Key": "emulated/terraform.tfstate.tflock"}
        holder = {"ID": "1", "Operation": "apply", "Who": "somebody else", "Created": "2026-01-01T00:00:00Z"}
        s3 = self._aws.client("s3")
        s3.put_object(**lock, Body=json.dumps(holder).encode())

        refused = self._terraform.run(FOLDER, "plan", *self._variables)

        s3.delete_object(**lock)
        assert refused.returncode == 1
        assert "Error acquiring the state lock" in refused.stderr
        assert "somebody else" in refused.stderr

    @contextmanager
    def enforced_policies(self) -> Iterator[None]:
        """Assume the roles, and enforce their policies within the block."""
        # As above; and what the bucket's policy denies, plain HTTP, is all that this endpoint speaks.
        self._aws.client("s3").delete_bucket_policy(Bucket=BUCKET)
        arns = self._terraform.outputs(FOLDER)["role_arns"]
        self._sessions = {
            "ingest": self._aws.assume(arns["ingest"]),
            "loader": self._aws.assume(arns["loader"]),
            "snowflake": self._aws.assume(arns["snowflake"], ExternalId=EXTERNAL_ID),
            "github": self._aws.assume(arns["github"]),
        }
        self._aws.enforce_iam(True)
        yield
        self._aws.enforce_iam(False)

    def land_as_the_writer(self, saas: SaasServer, folder: Path) -> None:
        settings = {
            **self._aws.environment,
            **self._sessions["ingest"].environment,
            "RAW_BUCKET": BUCKET,
            "SAAS_BASE_URL": saas.base_url,
            "SAAS_API_KEY": saas.api_key,
        }
        done = subprocess.run(
            [sys.executable, "-m", "ingest", "run", "--stream", "email_events", "--stream", "campaigns"],
            cwd=folder,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def assert_the_writer_writes_and_deletes_nothing(self) -> None:
        s3 = self._aws.s3(self._sessions["ingest"])
        data, commit = self._first("events/"), self._first(f"{LOG}/email_events/")
        assert _done(lambda: s3.get_object(Bucket=BUCKET, Key=commit))
        # An answer of its own, and not a denial: the log is read until there is no more.
        assert _error(lambda: s3.get_object(Bucket=BUCKET, Key=f"{LOG}/email_events/none.json")) == "NoSuchKey"
        for key in (data, commit):
            assert _denied(lambda key=key: s3.delete_object(Bucket=BUCKET, Key=key))
        assert _denied(lambda: s3.get_object(Bucket=BUCKET, Key=data))
        assert _denied(lambda: s3.put_object(Bucket=BUCKET, Key="elsewhere/file", Body=b""))

    def assert_the_loader_reads_the_log_alone(self) -> None:
        s3 = self._aws.s3(self._sessions["loader"])
        data, commit = self._first("events/"), self._first(f"{LOG}/email_events/")
        assert _done(lambda: s3.get_object(Bucket=BUCKET, Key=commit))
        assert _done(lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{LOG}/"))
        assert _error(lambda: s3.get_object(Bucket=BUCKET, Key="_quarantine/email_events/none")) == "NoSuchKey"
        assert _denied(lambda: s3.get_object(Bucket=BUCKET, Key=data))
        assert _denied(lambda: s3.put_object(Bucket=BUCKET, Key=commit, Body=b""))
        record = "_ops/runs/any.json"
        assert _done(lambda: s3.put_object(Bucket=BUCKET, Key=record, Body=b"{}"))
        assert _done(lambda: s3.get_object(Bucket=BUCKET, Key=record))
        assert _done(lambda: s3.delete_object(Bucket=BUCKET, Key=record))
        mark = "_built/any.json"
        assert _done(lambda: s3.put_object(Bucket=BUCKET, Key=mark, Body=b"{}"))
        assert _done(lambda: s3.get_object(Bucket=BUCKET, Key=mark))
        assert _denied(lambda: s3.delete_object(Bucket=BUCKET, Key=mark))

    def assert_snowflake_reads_data_alone(self) -> None:
        """Check that it reads every file that a commit names.

        (moto cannot judge conditions on listings; the plan's test does.)
        """
        s3 = self._aws.s3(self._sessions["snowflake"])
        commit = json.loads(self._body(self._first(f"{LOG}/email_events/")))
        keys = [file["key"] for file in commit["files"]]
        assert keys
        for key in keys:
            assert _done(lambda key=key: s3.get_object(Bucket=BUCKET, Key=key))
            assert _denied(lambda key=key: s3.put_object(Bucket=BUCKET, Key=key, Body=b""))
        assert _denied(lambda: s3.get_object(Bucket=BUCKET, Key=self._first(f"{LOG}/")))
        assert _denied(lambda: s3.get_object(Bucket=BUCKET, Key="_quarantine/email_events/any"))

    def assert_a_deployment_gives_nobody_access(self) -> None:
        """Check it by the applied policy and by attempts, even if the bucket's policy grants everything."""
        key_arn = self._terraform.outputs(FOLDER)["kms_key_arn"]
        policy = deployment.policy_of(self._aws.client("iam"), DEPLOY_ROLE)
        names = (ACCOUNT, BUCKET, PREFIX, key_arn)
        assert deployment.not_denied(policy, deployment.what_gives_access(*names)) == []
        state = f"{STATE_BUCKET}/emulated/terraform.tfstate"
        assert deployment.not_permitted(policy, deployment.what_a_plan_reads(*names, state)) == []

    def assert_a_deployment_is_refused(self) -> None:
        """Try the attacks by which a deployment could reach the lake's objects."""
        role = f"arn:aws:iam::{ACCOUNT}:role/{DEPLOY_ROLE}"
        s3, iam = (self._aws.session_client(service, self._sessions["github"]) for service in ("s3", "iam"))
        grant = {
            "Effect": "Allow",
            "Principal": {"AWS": role},
            "Action": "s3:*",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        }
        mine = json.dumps({"Version": "2012-10-17", "Statement": [grant]})
        expire = {"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}
        for attack in (
            lambda: s3.put_bucket_policy(Bucket=BUCKET, Policy=mine),
            lambda: s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=expire),
            lambda: iam.update_assume_role_policy(RoleName=f"{PREFIX}-snowflake-storage", PolicyDocument=mine),
            lambda: iam.create_policy_version(
                PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/{PREFIX}-loader-reader", PolicyDocument=mine
            ),
            lambda: s3.get_object(Bucket=BUCKET, Key=self._first("events/")),
        ):
            assert _denied(attack)
        assert _done(lambda: iam.get_role(RoleName=f"{PREFIX}-snowflake-storage"))

    def destroy(self) -> None:
        # moto fails ("FakeDeleteMarker has no dispose") where a key's versions are all deleted, a marker among them.
        s3 = self._aws.client("s3")
        for marker in s3.list_object_versions(Bucket=BUCKET).get("DeleteMarkers", []):
            s3.delete_object(Bucket=BUCKET, Key=marker["Key"], VersionId=marker["VersionId"])
        self._terraform.succeed(FOLDER, "destroy", "-auto-approve", *self._variables)

    def assert_only_the_state_is_left(self) -> None:
        assert [bucket["Name"] for bucket in self._aws.client("s3").list_buckets()["Buckets"]] == [STATE_BUCKET]
        assert self._aws.client("iam").list_roles()["Roles"] == []
        assert self._aws.client("iam").list_policies(Scope="Local")["Policies"] == []

    def _first(self, prefix: str) -> str:
        """Return the first key under `prefix`, listed with all rights."""
        s3 = self._aws.s3(self._sessions["ingest"])
        return str(s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"][0]["Key"])

    def _body(self, key: str) -> bytes:
        body: bytes = self._aws.s3(self._sessions["loader"]).get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body


def _error(call: Callable[[], Any]) -> str | None:
    """Return the code with which S3 refuses; None if it does not."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def _denied(call: Callable[[], Any]) -> bool:
    return _error(call) == "AccessDenied"


def _done(call: Callable[[], Any]) -> bool:
    return _error(call) is None
