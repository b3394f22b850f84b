"""Asks a warm dbt (`warm.py`) for one invocation, and stands in for dbt's process to its own parent.

`python -I -S warm_client.py SOCKET ARGUMENTS...` has dbt's output, exit code, folder, environment and umask, and passes
on the signals that end it. It imports little, so it starts in 20 ms.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def ask(
    path: str,
    arguments: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    outputs: tuple[int, int],
    *,
    umask: int,
    manifest: bool = True,
    started: Callable[[int], None] = lambda pid: None,
) -> int | None:
    """Run dbt in a fork of the warm one. Return the exit code, or None if dbt died without one.

    `outputs` are its standard output and error. `started` gets its process id. Without `manifest`, dbt writes none.
    """
    asked: dict[str, Any] = {
        "arguments": list(arguments),
        "folder": folder,
        "environment": dict(environment),
        "umask": umask,
        "manifest": manifest,
    }
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        socket.send_fds(client, [b"\n"], list(outputs))
        client.sendall(json.dumps(asked).encode() + b"\n")
        with client.makefile() as answers:
            started(int(answers.readline()))
            code = answers.readline()
    return int(code) if code else None


def main() -> int:
    """Act as dbt's process."""
    path, *arguments = sys.argv[1:]
    umask = os.umask(0o077)

    def hand_on_signals(pid: int) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: os.kill(pid, received))

    code = ask(path, arguments, os.getcwd(), os.environ, (1, 2), umask=umask, started=hand_on_signals)  # noqa: PTH109
    if code is None:
        print("the warm dbt died without an exit code", file=sys.stderr)
    return 1 if code is None else code


if __name__ == "__main__":
    sys.exit(main())
