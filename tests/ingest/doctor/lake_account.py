"""A bucket and a writer's role as terraform/modules/raw_lake makes them, in an emulated AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ingest.settings import LakeSettings
from tests.terraform.emulated_aws import Credentials, EmulatedAws

PREFIXES = ("events/*", "inventory/*", "_log/*", "_quarantine/*", "_keys/*", "_runs/*")
_ANYBODY = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True)
class LakeAccount:
    """The account and its bucket, with an administrator's and the writer's credentials."""

    aws: EmulatedAws
    bucket: str
    role_arn: str
    administrator: Credentials

    @property
    def lake(self) -> LakeSettings:
        return LakeSettings(bucket=self.bucket, endpoint_url=self.aws.server.endpoint_url)

    @property
    def s3(self) -> Any:
        """A client with all rights."""
        return self.aws.server.client()

    def allow_the_writer(self, *statements: Mapping[str, object]) -> None:
        """Set the policy of the writer's role."""
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.aws.client("iam").put_role_policy(
            RoleName=self.role_arn.rpartition("/")[2], PolicyName="p", PolicyDocument=policy
        )

    @contextmanager
    def without_its_policy(self) -> Iterator[None]:
        """Remove the bucket's own policy within the block, because moto applies a denial whatever its condition."""
        self.s3.delete_bucket_policy(Bucket=self.bucket)
        yield
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=bucket_policy(self.bucket))

    @contextmanager
    def enforced(self) -> Iterator[None]:
        """Enforce signatures and policies within the block."""
        with self.without_its_policy():
            self.aws.enforce_iam(True)
            try:
                yield
            finally:
                self.aws.enforce_iam(False)


def make_lake_account(aws: EmulatedAws, bucket: str) -> LakeAccount:
    """Return the account, with the bucket and roles in it."""
    iam, s3 = aws.client("iam"), aws.server.client()
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    set_up(s3, bucket)
    administrator = aws.make_administrator()
    trust = json.dumps({"Version": "2012-10-17", "Statement": [_ANYBODY]})
    role = iam.create_role(RoleName="ingest", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    account = LakeAccount(aws, bucket, role, administrator)
    account.allow_the_writer(*writer_statements(bucket))
    return account


def set_up(s3: Any, bucket: str) -> None:
    """All settings of the bucket."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    by_default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [by_default]})
    s3.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket))
    put_rules(s3, bucket, *rules())


def rules() -> list[dict[str, Any]]:
    """Return the lifecycle rules: leftovers, quarantine and hand-offs expire; data and log stay."""
    return [
        rule("old", "", NoncurrentVersionExpiration={"NoncurrentDays": 30}),
        rule("broken", "", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 3}),
        rule("runs", "_runs/", Expiration={"Days": 7}),
        rule("probes", "inventory/__doctor/", Expiration={"Days": 1}),
    ]


def rule(name: str, prefix: str, **what: object) -> dict[str, Any]:
    """Return a rule of lifecycle that is on."""
    return {"ID": name, "Status": "Enabled", "Filter": {"Prefix": prefix}, **what}


def put_rules(s3: Any, bucket: str, *wanted: dict[str, Any]) -> None:
    """Replace the bucket's rules by these."""
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(wanted)})


def bucket_policy(
    bucket: str, *, effect: str = "Deny", secure: str = "false", absent: str = "true", commits: str = "0" + "?" * 19
) -> str:
    """Return the bucket's policy."""
    by_tls = {
        "Effect": effect,
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": secure}},
    }
    once = {
        "Effect": effect,
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/_log/*/{commits}.json",
        "Condition": {"Null": {"s3:if-none-match": absent}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [by_tls, once]})


def writer_statements(bucket: str) -> list[dict[str, object]]:
    """Return Terraform's policy `ingest-writer`, and the part of the bucket's policy that moto supports, without
    conditions.
    """
    places = [f"arn:aws:s3:::{bucket}/{prefix}" for prefix in PREFIXES]
    return [
        {"Effect": "Deny", "Action": ["s3:PutObject"], "Resource": f"arn:aws:s3:::{bucket}/_log/*/0*.json"},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": f"arn:aws:s3:::{bucket}"},
        {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": places},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": places[2:4]},
    ]
