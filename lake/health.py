"""``python -m lake.health``: exit code 0 where the bucket answers."""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_SECONDS = 3


def main() -> int:
    """Ask for the bucket."""
    connection = HTTPConnection("127.0.0.1", int(os.environ.get("LAKE_PORT", "4566")), timeout=TIMEOUT_SECONDS)
    try:
        connection.request("HEAD", f"/{os.environ['RAW_BUCKET']}")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        print(f"the lake does not answer: {error}", file=sys.stderr)
        return 1
    if status != 200:
        print(f"s3://{os.environ['RAW_BUCKET']} answers {status}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
