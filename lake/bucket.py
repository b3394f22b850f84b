"""Creates the bucket, and checks that it answers, over HTTP. The server accepts unsigned requests."""

from __future__ import annotations

import time
from http.client import HTTPConnection, HTTPException

_ANSWER_SECONDS = 3.0
_START_SECONDS = 30.0
_LOCATION = (
    '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>"
)


class BucketError(Exception):
    """The server does not answer, or refuses."""


def make_bucket(port: int, bucket: str, region: str) -> None:
    """Make `bucket` on this machine's server if it does not exist. It waits for the server. Raises BucketError."""
    give_up = time.monotonic() + _START_SECONDS
    while True:
        try:
            status = request_bucket(port, bucket)
            break
        except BucketError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)
    if status == 404:
        body = "" if region == "us-east-1" else _LOCATION.format(region)
        status = request_bucket(port, bucket, method="PUT", body=body)
    if status != 200:
        raise BucketError(f"the server answers {status} to the making of s3://{bucket} in {region}")


def request_bucket(port: int, bucket: str, *, method: str = "HEAD", body: str = "") -> int:
    """Return the HTTP status of one request for the bucket. Raises BucketError if the server does not answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        connection.request(method, f"/{bucket}", body=body)
        return connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise BucketError(f"port {port} does not answer: {error}") from error
    finally:
        connection.close()
