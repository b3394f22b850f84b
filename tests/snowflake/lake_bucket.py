"""The bucket that the account's stage reads: a new one on the endpoint, or the tests' own bucket on AWS.

A bucket on AWS belongs to the tests once they have found it empty and put MARK into it. Objects that a
killed run has left beside the mark are removed by the next one. A bucket with any other content is refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import pytest

from ingest.settings import LakeSettings

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

BUCKET = "SNOWFLAKE_TEST_BUCKET"
MARK = "_runs/this-bucket-is-the-tests-own"


@contextmanager
def fresh_bucket(environment: Mapping[str, str]) -> Iterator[LakeSettings]:
    """Yield an empty bucket. A user's bucket is emptied again after the test."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "eu-central-1"
    endpoint = environment.get("AWS_ENDPOINT_URL")
    client = boto3.client("s3", endpoint_url=endpoint, region_name=region)
    if endpoint:
        name = f"lake-{uuid.uuid4().hex[:12]}"
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield LakeSettings(bucket=name, endpoint_url=endpoint, region=region)
        return
    name = environment.get(BUCKET, "")
    if not name:
        pytest.skip(f"{BUCKET} names no bucket that the account's storage integration allows")
    take_bucket(client, name)
    try:
        yield LakeSettings(bucket=name, endpoint_url=None, region=region)
    finally:
        take_bucket(client, name)


def take_bucket(client: S3Client, name: str) -> None:
    """Empty the bucket except for the mark. Raises AssertionError for a bucket that does not belong to the tests."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=name)
    keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
    assert MARK in keys or not keys, f"{name} is not empty, and was not by the tests: they would remove {keys[0]}"
    client.put_object(Bucket=name, Key=MARK, Body=b"")
    for key in keys:
        if key != MARK:
            client.delete_object(Bucket=name, Key=key)
