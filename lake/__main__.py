"""``python -m lake``: serves S3 from a folder, with the bucket RAW_BUCKET in it, until it is told to stop.

Environment: RAW_BUCKET, AWS_REGION, LAKE_PORT (4566), S3_DATA_DIR (/data), LAKE_RESERVE_BYTES (16 MiB).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

PORT = int(os.environ.get("LAKE_PORT", "4566"))
DATA = Path(os.environ.get("S3_DATA_DIR", "/data"))
RESERVE_BYTES = int(os.environ.get("LAKE_RESERVE_BYTES", str(16 * 2**20)))

# ministack reads its settings while it is imported. S3, IAM and STS are what an S3 client and Terraform ask for; its
# other services are switched off.
os.environ.update(S3_PERSIST="1", S3_DATA_DIR=str(DATA), SERVICES="s3,iam,sts", SFTP_ENABLED="0", IOT_MTLS_ENABLED="0")


async def serve() -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError where the port is taken or the bucket cannot be made."""
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    from lake.bucket import make_bucket
    from lake.durable import write_through
    from lake.space import SpaceGuard

    write_through()
    config = Config()
    config.bind = [f"0.0.0.0:{PORT}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 5
    config.loglevel = "WARNING"

    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    guarded = SpaceGuard(app, DATA, RESERVE_BYTES)
    server = asyncio.create_task(hypercorn_serve(guarded, config, shutdown_trigger=stopped.wait))  # type: ignore[arg-type]
    making = asyncio.create_task(
        asyncio.to_thread(
            make_bucket,
            f"http://127.0.0.1:{PORT}",
            bucket=os.environ["RAW_BUCKET"],
            region=os.environ.get("AWS_REGION", "eu-central-1"),
        )
    )
    await asyncio.wait((server, making), return_when=asyncio.FIRST_COMPLETED)
    if making.done():
        making.result()
        print(f"lake: s3://{os.environ['RAW_BUCKET']} on port {PORT}, kept in {DATA}", flush=True)
    await server


def main() -> int:
    """The exit code: 0 after SIGTERM, 2 where the environment does not fit."""
    if not os.environ.get("RAW_BUCKET"):
        print("lake: RAW_BUCKET is not set: name the bucket to serve", file=sys.stderr)
        return 2
    if not os.access(DATA, os.W_OK):
        print(f"lake: cannot write to {DATA}: mount a volume there that uid {os.getuid()} may write", file=sys.stderr)
        return 2
    asyncio.run(serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
