"""The buckets behind stages, read with boto3 by this process's endpoint and credentials.

In a real account Snowflake assumes the integration's role. Here the process's own credentials stand for it, limited to
the role's rights (`storage_role`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.snowflake.emulator.account.objects import StorageIntegration
from local.snowflake.emulator.account.stage_objects import Stage
from local.snowflake.emulator.errors import SnowflakeError
from local.snowflake.emulator.stage.storage_role import StorageRole


@dataclass(frozen=True)
class StagedFile:
    """An object below a stage. `key` is its whole key, `path` the part below the stage's URL."""

    key: str
    path: str
    size: int
    etag: str
    modified: datetime


class Listing:
    """The files of one stage."""

    def __init__(self, integration: StorageIntegration, stage: Stage) -> None:
        if not integration.allows(stage.url):
            raise location_not_allowed(stage.url, integration.name)
        self._integration = integration
        self._stage = stage
        self._role = StorageRole.of(integration.role_arn)
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3, "mode": "standard"})
        self._client = boto3.client("s3", config=config)

    def head(self, path: str) -> StagedFile:
        """Return one file. Raises SnowflakeError 091016 if it does not exist."""
        key = self._stage.prefix + path.lstrip("/")
        self._check_not_blocked(key)
        if not self._role.may_read(key):
            raise self._denied(key)
        try:
            found = self._client.head_object(Bucket=self._stage.bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise _missing(path) from None
            raise self._refused(key, error) from None
        except BotoCoreError as error:
            raise self._refused(key, error) from None
        return self._file(key, found | {"Size": found["ContentLength"]})

    def below(self, path: str) -> Iterator[StagedFile]:
        """Yield the files below a path, by key. Raises SnowflakeError if the location is blocked, or if S3 refuses."""
        prefix = self._stage.prefix + path.lstrip("/")
        self._check_not_blocked(prefix)
        if not self._role.may_list(prefix):
            raise self._denied(prefix)
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._stage.bucket, Prefix=prefix
            ):
                yield from (self._file(found["Key"], found) for found in page.get("Contents", ()))
        except (ClientError, BotoCoreError) as error:
            raise self._refused(prefix, error) from None

    def read(self, file: StagedFile) -> bytes:
        """Return a file's bytes. Raises SnowflakeError."""
        try:
            body = self._client.get_object(Bucket=self._stage.bucket, Key=file.key)["Body"]
            return bytes(body.read())
        except (ClientError, BotoCoreError) as error:
            raise self._refused(file.key, error) from None

    def _file(self, key: str, found: Any) -> StagedFile:
        return StagedFile(
            key,
            key.removeprefix(self._stage.prefix),
            int(found["Size"]),
            str(found["ETag"]).strip('"'),
            found["LastModified"],
        )

    def _check_not_blocked(self, key: str) -> None:
        if self._integration.blocks(url := f"s3://{self._stage.bucket}/{key}"):
            raise location_not_allowed(url, self._integration.name)

    def _denied(self, key: str) -> SnowflakeError:
        return self._unreadable("Access Denied (Status Code: 403; Error Code: AccessDenied)", key)

    def _refused(self, key: str, error: ClientError | BotoCoreError) -> SnowflakeError:
        """Return the error for a request that S3 refused or did not answer."""
        cause = str(error)
        if isinstance(error, ClientError):
            code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            cause = f"{error.response['Error'].get('Message', '')} (Status Code: {status}; Error Code: {code})"
        return self._unreadable(cause, key)

    def _unreadable(self, cause: str, key: str) -> SnowflakeError:
        return SnowflakeError(
            91003, "55000", f"Failure using stage area. Cause: [{cause}] at s3://{self._stage.bucket}/{key}"
        )


def location_not_allowed(url: str, integration: str) -> SnowflakeError:
    return SnowflakeError(
        3127,
        "42601",
        f"SQL compilation error:\nLocation '{url}' is not allowed by integration {integration}. Please use DESC "
        "INTEGRATION to check out allowed and blocked locations.",
    )


def _missing(path: str) -> SnowflakeError:
    return SnowflakeError(91016, "22000", f"Remote file '{path}' was not found. There are several potential causes.")
