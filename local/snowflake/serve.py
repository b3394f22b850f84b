"""Serves an emulated Snowflake account on 127.0.0.1: `.venv-emulator/bin/python -m local.snowflake.serve`.

Its state is in memory. Stages read S3 through boto3 with this process's environment (AWS_ENDPOINT_URL, AWS_*).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
from pathlib import Path

import uvicorn

from local.snowflake.emulator.account.state import Account
from local.snowflake.emulator.protocol.http import Endpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--port-file", type=Path, help="file to write the port to once it is open")
    parser.add_argument("--copy-seconds", type=float, default=0.0, help="how long each COPY takes at least")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    listener = socket.create_server(("127.0.0.1", arguments.port))
    config = uvicorn.Config(
        Endpoint(Account(copy_seconds=arguments.copy_seconds)).application(), log_level="warning", access_log=False
    )
    if arguments.port_file is not None:
        _write_port(arguments.port_file, listener.getsockname()[1])
    asyncio.run(uvicorn.Server(config).serve([listener]))


def _write_port(path: Path, port: int) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(str(port))
    draft.rename(path)


if __name__ == "__main__":
    main()
