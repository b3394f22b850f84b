"""The rights of GitHub's deployments: their role's applied policy, evaluated action by action.

moto's policy evaluator answers: a statement that denies wins over every grant.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult

Asked = tuple[str, str]
"""An action, and the ARN that it is for."""

_OF_OBJECTS = (
    "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion",
    "s3:PutObjectAcl", "s3:RestoreObject", "s3:PutObjectTagging",
)  # fmt: skip
_OF_THE_BUCKET = (
    "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutLifecycleConfiguration", "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration", "s3:PutBucketPublicAccessBlock", "s3:PutBucketOwnershipControls",
    "s3:PutBucketAcl", "s3:PutReplicationConfiguration", "s3:PutInventoryConfiguration", "s3:CreateAccessPoint",
    "s3:DeleteBucket",
)  # fmt: skip
_OF_ROLES = (
    "iam:UpdateAssumeRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy",
    "iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
    "iam:DeleteRolePermissionsBoundary", "iam:PassRole", "sts:AssumeRole",
)  # fmt: skip
_OF_POLICIES = (
    "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
)  # fmt: skip
_OF_KEYS = (
    "kms:Decrypt", "kms:GenerateDataKey", "kms:PutKeyPolicy", "kms:CreateGrant", "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
)  # fmt: skip
_OF_PROVIDERS = (
    "iam:AddClientIDToOpenIDConnectProvider", "iam:UpdateOpenIDConnectProviderThumbprint",
    "iam:DeleteOpenIDConnectProvider",
)  # fmt: skip
_OF_USERS = ("iam:CreateUser", "iam:CreateAccessKey", "iam:AttachUserPolicy", "iam:CreateLoginProfile")


def policy_of(iam: Any, role: str) -> str:
    """Return the only policy of a role, as JSON."""
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    [name] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return json.dumps(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])


def not_denied(policy: str, asked: Sequence[Asked]) -> list[Asked]:
    """Return the requests that the policy does not deny by a statement of its own."""
    return [each for each in asked if IAMPolicy(policy).is_action_permitted(*each) is not PermissionResult.DENIED]


def not_permitted(policy: str, asked: Sequence[Asked]) -> list[Asked]:
    """Return the requests that the policy does not allow."""
    return [each for each in asked if IAMPolicy(policy).is_action_permitted(*each) is not PermissionResult.PERMITTED]


def what_gives_access(account: str, bucket: str, prefix: str, key_arn: str) -> list[Asked]:
    """Return every request that leads to an object of the lake, to a right on one, or to its deletion."""
    iam, lake = f"arn:aws:iam::{account}", f"arn:aws:s3:::{bucket}"
    roles = [
        f"{iam}:role/{prefix}-{name}" for name in ("snowflake-storage", "ingest", "loader", "github-deploy", "new")
    ]
    policies = [f"{iam}:policy/{prefix}-{name}" for name in ("ingest-writer", "loader-reader", "boundary", "new")]
    objects = [
        f"{lake}/{key}"
        for key in ("events/e/1.parquet", "inventory/i/1.parquet", "_log/e/1.json", "_quarantine/q", "_keys/k")
    ]
    return [
        *_each(_OF_OBJECTS, objects),
        *_each(_OF_THE_BUCKET, [lake]),
        *_each(_OF_ROLES, [*roles, "arn:aws:iam::111122223333:role/elsewhere"]),
        *_each(_OF_POLICIES, policies),
        *_each(_OF_KEYS, [key_arn]),
        *_each(_OF_PROVIDERS, [f"{iam}:oidc-provider/token.actions.githubusercontent.com"]),
        *_each(_OF_USERS, [f"{iam}:user/somebody"]),
    ]


def what_a_plan_reads(account: str, bucket: str, prefix: str, key_arn: str, state: str) -> list[Asked]:
    """Return the requests of a refresh of the state, and of the changes that an apply may make."""
    iam, lake = f"arn:aws:iam::{account}", f"arn:aws:s3:::{bucket}"
    of_the_lake = {
        lake: ("s3:GetBucketPolicy", "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration", "s3:PutBucketTagging"),
        f"{iam}:role/{prefix}-snowflake-storage": ("iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy"),
        f"{iam}:policy/{prefix}-boundary": ("iam:GetPolicy", "iam:GetPolicyVersion"),
        key_arn: ("kms:DescribeKey", "kms:GetKeyPolicy"),
        f"arn:aws:s3:::{state}": ("s3:GetObject", "s3:PutObject"),
        f"arn:aws:s3:::{state}.tflock": ("s3:PutObject", "s3:DeleteObject"),
    }
    return list(_pairs(of_the_lake))


def _each(actions: Sequence[str], arns: Sequence[str]) -> list[Asked]:
    return [(action, arn) for action in actions for arn in arns]


def _pairs(by_arn: Mapping[str, Sequence[str]]) -> Iterator[Asked]:
    return ((action, arn) for arn, actions in by_arn.items() for action in actions)
