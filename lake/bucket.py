"""Makes the bucket by the AWS SDK, as any client would."""

from __future__ import annotations

from botocore.config import Config
from botocore.session import get_session


def make_bucket(endpoint: str, *, bucket: str, region: str) -> None:
    """Make `bucket` at `endpoint` unless it is there; waits for the endpoint. Raises ClientError or BotoCoreError."""
    client = get_session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        # The server takes any.
        aws_access_key_id="lake",
        aws_secret_access_key="lake",  # noqa: S106
        config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 10}),
    )
    if bucket in {each["Name"] for each in client.list_buckets()["Buckets"]}:
        return
    location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client.create_bucket(Bucket=bucket, **location)
