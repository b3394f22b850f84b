"""``python -m lake.health``: exit code 0 where the bucket answers."""

from __future__ import annotations

import sys

from lake.bucket import BucketError, request_bucket
from lake.settings import LakeServerSettings


def main() -> int:
    """Ask for the bucket."""
    settings = LakeServerSettings.from_environment()
    try:
        status = request_bucket(settings.port, settings.bucket)
    except BucketError as error:
        print(error, file=sys.stderr)
        return 1
    if status != 200:
        print(f"s3://{settings.bucket} answers {status}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
