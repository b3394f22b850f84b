"""The bucket that the account's stage reads: a new one on the endpoint, or the user's own where it is AWS itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import boto3
import pytest

from ingest.settings import LakeSettings

BUCKET = "SNOWFLAKE_TEST_BUCKET"


@contextmanager
def fresh_bucket(environment: Mapping[str, str]) -> Iterator[LakeSettings]:
    """An empty bucket, emptied again after the test where it is the user's."""
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
    objects = boto3.resource("s3", region_name=region).Bucket(name).objects
    assert not list(objects.limit(1)), f"{name} is not empty, and the test would empty it"
    try:
        yield LakeSettings(bucket=name, endpoint_url=None, region=region)
    finally:
        objects.delete()
