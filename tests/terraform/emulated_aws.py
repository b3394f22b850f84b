"""A private emulated AWS for a test: it can enforce IAM, which would lock out other users of a shared one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.config import Config

from local.servers.s3_server import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_UNENFORCED = 10**9


@dataclass(frozen=True)
class Credentials:
    """A session of a role."""

    access_key_id: str
    secret_access_key: str
    session_token: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


@dataclass(frozen=True)
class EmulatedAws:
    """moto's server, which is S3, IAM, STS, KMS and SQS in one."""

    server: S3Server

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which a program finds the emulated AWS, with all rights."""
        return {**self.server.environment, "AWS_EC2_METADATA_DISABLED": "true"}

    def client(self, service: str) -> Any:
        """Return a client with all rights."""
        settings = self.environment
        return boto3.client(
            service,
            endpoint_url=self.server.endpoint_url,
            region_name=settings["AWS_REGION"],
            aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
        )

    def assume(self, role_arn: str, **conditions: str) -> Credentials:
        """Assume a role."""
        made = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test", **conditions)["Credentials"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    def make_administrator(self) -> Credentials:
        """Return a user who may do everything, with an access key, for when policies are enforced."""
        iam = self.client("iam")
        iam.create_user(UserName="administrator")
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_user_policy(UserName="administrator", PolicyName="all", PolicyDocument=json.dumps(everything))
        key = iam.create_access_key(UserName="administrator")["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"], "")

    def s3(self, credentials: Credentials) -> S3Client:
        """Return S3 with the rights of that session."""
        client: S3Client = self.session_client("s3", credentials)
        return client

    def session_client(self, service: str, credentials: Credentials) -> Any:
        """Return a service with the rights of that session."""
        return boto3.client(
            service,
            endpoint_url=self.server.endpoint_url,
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=Config(s3={"addressing_style": "path"}),
        )

    def enforce_iam(self, enforced: bool) -> None:
        """Switch the enforcement of signatures and policies. (moto's own switch; it cannot judge conditions.)"""
        count = 0 if enforced else _UNENFORCED
        url = f"{self.server.endpoint_url}/moto-api/reset-auth"
        httpx.post(url, content=str(count), trust_env=False).raise_for_status()
