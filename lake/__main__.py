"""``python -m lake``: serves S3 from a folder, with the bucket RAW_BUCKET in it, until it is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from lake.bucket import BucketError, make_bucket
from lake.settings import LakeServerSettings, SettingsError

EXIT_BAD_INPUT = 2


def main() -> int:
    """Run the server. Return 0 after SIGTERM or SIGINT, 1 if the bucket cannot be made, 2 for a wrong environment
    variable.
    """
    try:
        settings = LakeServerSettings.from_environment()
    except SettingsError as error:
        return _fail(str(error), EXIT_BAD_INPUT)
    if not os.access(settings.data, os.W_OK):
        return _fail(f"cannot write to {settings.data}: uid {os.getuid()} must be allowed to", EXIT_BAD_INPUT)
    # ministack reads its settings while it is imported. An S3 client and Terraform need S3, IAM and STS; its other
    # services are switched off.
    os.environ.update(
        S3_PERSIST="1",
        S3_DATA_DIR=str(settings.data),
        MINISTACK_REGION=settings.region,
        SERVICES="s3,iam,sts",
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
        LOG_LEVEL="WARNING",
    )
    try:
        asyncio.run(serve(settings))
    except BucketError as error:
        return _fail(str(error), 1)
    return 0


async def serve(settings: LakeServerSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises BucketError, and OSError if the port is taken."""
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    from lake.durable import write_through
    from lake.space import SpaceGuard

    write_through()
    config = Config()
    config.bind = [f"{settings.host}:{settings.port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 5
    config.loglevel = "WARNING"

    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    guarded = SpaceGuard(app, settings.data, settings.reserve)
    server = asyncio.create_task(hypercorn_serve(guarded, config, shutdown_trigger=stopped.wait))
    making = asyncio.create_task(asyncio.to_thread(make_bucket, settings.port, settings.bucket, settings.region))
    await asyncio.wait((server, making), return_when=asyncio.FIRST_COMPLETED)
    if making.done():
        if making.exception():
            stopped.set()
            await server
        making.result()
        print(f"lake: s3://{settings.bucket} on port {settings.port}, kept in {settings.data}", flush=True)
    await server


def _fail(message: str, code: int) -> int:
    print(f"lake: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
